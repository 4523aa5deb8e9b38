"""Models and tokenizers of every family: right for every script, the same however batched."""

import itertools
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_model
import torch
from chronoglot.checkpoints.manifest import write_manifest
from chronoglot.encoding.encode import word_vectors
from chronoglot.encoding.encoder import load_encoder, load_masked_lm
from chronoglot.encoding.families import FAMILIES
from chronoglot.encoding.fast_tokens import FastTokeniser
from chronoglot.encoding.transformers_model import TransformersModel
from chronoglot.encoding.xlm_roberta import XLMRoberta
from chronoglot.errors import UserError
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

POSITIONS = 48
SCRIPTS = [
    "the cat cannot see a dog, don't über naïve 2024",
    "кошка видит собаку в большом доме и ёж",
    "القطة ترى الكلب في البيت والسماء",
    "बिल्ली कुत्ते को देखती है क्षेत्र",
    "แมวเห็นสุนัขในบ้านที่ดีน้ำ",
    "我爱北京天安门猫看狗的房子",
    "고양이가 개를 본다 \u1100\u1161\u11a8",
    "👍🏽 👩\u200d👩\u200d👧 🇩🇪 ❤️ e\u0301 a\u0308\u0323",
]
SPECIAL = {
    "wordpiece": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    "roberta": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
    "bytes": ["<|endoftext|>", "<|padding|>"],
    "unigram": ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"],
    "llama": ["<unk>", "<s>", "</s>"],
}


def train(kind: str) -> Tokenizer:
    """A small tokenizer as the families have them."""
    text, special = [line for line in SCRIPTS for _ in range(20)], SPECIAL[kind]
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(
            vocab_size=400, special_tokens=special, show_progress=False
        )
    elif kind in ("roberta", "bytes"):
        tokenizer = Tokenizer(models.BPE())
        if kind == "bytes":
            tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
    elif kind == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        # As sentencepiece's: some characters vanish.
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFKC(), normalizers.Replace(Regex("[\u200b-\u200d]"), "")]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
        )
        trainer = trainers.UnigramTrainer(
            vocab_size=300, special_tokens=special, unk_token="[UNK]", show_progress=False
        )
    else:  # subwords may cross spaces: there is no pre-tokenizer
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=False))
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
        trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(text, trainer)
    if kind in ("wordpiece", "unigram"):
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("[CLS]", "[SEP]")],
        )
    elif kind == "roberta":
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    elif kind == "bytes":
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    else:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
        )
    return tokenizer


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with a `tokenizer.json` each."""
    folders = {}
    for kind in SPECIAL:
        folders[kind] = tmp_path_factory.mktemp(kind)
        train(kind).save(str(folders[kind] / "tokenizer.json"))
    return folders


@pytest.fixture(scope="module")
def tokenisers(tokenizers: dict[str, Path]) -> dict[str, FastTokeniser]:
    return {kind: FastTokeniser(folder) for kind, folder in tokenizers.items()}


# Words of the scripts and pieces of them, cut anywhere, and what normalisers take away.
_WORDS = sorted({word for line in SCRIPTS for word in line.split()})
_WORD = st.one_of(
    st.sampled_from([*_WORDS, "can", "not", "\u200b", "\u200d", "\u0301", "␞", "</s>", "[SEP]"]),
    st.sampled_from(_WORDS).flatmap(
        lambda word: st.integers(0, len(word) - 1).map(lambda start: word[start:])
    ),
    st.sampled_from("".join(_WORDS)),
    st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=4),
)
_SENTENCE = st.lists(st.tuples(_WORD, st.booleans()), min_size=1, max_size=12)


@pytest.mark.parametrize("kind", SPECIAL)
@settings(deadline=None, max_examples=100)
@given(texts=st.lists(_SENTENCE, min_size=1, max_size=3))
def test_every_subword_is_of_one_word_and_every_word_has_one(
    tokenisers: dict[str, FastTokeniser], kind: str, texts: list[list[tuple[str, bool]]]
) -> None:
    tokeniser, words = tokenisers[kind], tiny_model.word_table(texts)
    subwords = tokeniser.tokenise(words)
    assert len(subwords.starts) == len(words) + 1
    assert subwords.starts[0] == 0 and subwords.starts[-1] == len(subwords.ids)
    assert (np.diff(subwords.starts) > 0).all()
    special = {*tokeniser.before, *tokeniser.after} - {tokeniser.unknown}
    assert not special & set(subwords.ids.tolist())
    # A sentence is tokenised the same whatever stands beside it.
    alone = [tokeniser.tokenise(tiny_model.word_table([text])) for text in texts]
    assert np.array_equal(subwords.ids, np.concatenate([each.ids for each in alone]))


# Not Llama's, whose subwords may cross words: where one leaves a word with nothing, it is divided.
@pytest.mark.parametrize("kind", sorted(SPECIAL.keys() - {"llama"}))
@pytest.mark.parametrize("line", SCRIPTS)
def test_words_divided_by_spaces_have_the_subwords_of_the_sentence(
    tokenizers: dict[str, Path], tokenisers: dict[str, FastTokeniser], kind: str, line: str
) -> None:
    """The subwords are the library's own, and each lies in its word or the space before it."""
    library = Tokenizer.from_file(str(tokenizers[kind] / "tokenizer.json"))
    words = tiny_model.word_table([[(word, True) for word in line.split()]])
    subwords = tokenisers[kind].tokenise(words)
    expected = library.encode(line, add_special_tokens=False)
    assert subwords.ids.tolist() == expected.ids
    stop = -1
    for word, span in zip(line.split(), itertools.pairwise(subwords.starts), strict=True):
        start, stop = stop, stop + 1 + len(word)
        for first, last in expected.offsets[slice(*span)]:
            assert start <= first <= last <= stop


@pytest.mark.parametrize("kind", ["roberta", "bytes"])
def test_bytes_of_half_a_character_are_of_its_word(
    tokenisers: dict[str, FastTokeniser], kind: str
) -> None:
    """Characters that were never seen are four subwords each; the space is of what follows."""
    words = tiny_model.word_table([[("𓀀", True), ("𓀀", False), ("𓀀", True)]])
    subwords = tokenisers[kind].tokenise(words)
    assert np.diff(subwords.starts).tolist() == [4, 4, 5]


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> FastTokeniser:
    """Its subwords cross words: cannot, 北京, and `▁of▁the`."""
    pieces = ["<unk>", "▁", *"acdefhnorstu北京'", "▁cannot", "▁can", "not", "北京", "▁don", "'t"]
    pieces += ["▁of▁the", "▁of", "▁the", "▁a"]
    scores = [(piece, -1.0 / len(piece)) for piece in pieces]
    scores[0] = ("<unk>", -100.0)
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    tokenizer.normalizer = normalizers.Replace("\u200b", "")
    folder = tmp_path_factory.mktemp("crossing")
    tokenizer.save(str(folder / "tokenizer.json"))
    return FastTokeniser(folder)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        # Whole, of the word with most of its characters, as long as no word is left with nothing.
        ([("do", True), ("n't", False)], [["▁don"], ["'t"]]),
        # Divided where one would be, and there alone; without a space that is not in the text.
        ([("can", True), ("not", False), ("a", True)], [["▁can"], ["not"], ["▁a"]]),
        ([("北", True), ("京", False)], [["▁", "北"], ["京"]]),
        ([("of", True), ("the", True)], [["▁of"], ["▁the"]]),
        ([("do", True), ("n't", False), ("of", True), ("the", True)],
         [["▁don"], ["'t"], ["▁of"], ["▁the"]]),
        # Nothing left of it: unknown, in its place.
        ([("a", True), ("\u200b", False), ("a", True)], [["▁a"], ["<unk>"], ["▁a"]]),
    ],
)  # fmt: skip
def test_a_subword_that_crosses_words(
    crossing: FastTokeniser, words: list[tuple[str, bool]], expected: list[list[str]]
) -> None:
    subwords = crossing.tokenise(tiny_model.word_table([words]))
    pieces = [crossing._tokenizer.id_to_token(number) for number in subwords.ids]
    found = [pieces[slice(*span)] for span in itertools.pairwise(subwords.starts)]
    assert found == expected


@pytest.mark.parametrize(
    ("kind", "before", "after", "separator"),
    [
        ("wordpiece", ["[CLS]"], ["[SEP]"], ["[SEP]"]),
        ("roberta", ["<s>"], ["</s>"], ["</s>", "</s>"]),
        ("bytes", [], [], ["Ċ"]),
        ("llama", ["<s>"], [], ["<s>"]),
    ],
)
def test_special_subwords_are_those_of_the_tokenizer(
    tokenisers: dict[str, FastTokeniser],
    kind: str,
    before: list[str],
    after: list[str],
    separator: list[str],
) -> None:
    tokeniser = tokenisers[kind]
    names = tokeniser._tokenizer.id_to_token
    assert [names(i) for i in tokeniser.before] == before
    assert [names(i) for i in tokeniser.after] == after
    assert [names(i) for i in tokeniser.separator] == separator


def test_text_that_spells_a_special_subword_is_text(tokenisers: dict[str, FastTokeniser]) -> None:
    for tokeniser in tokenisers.values():
        for text in ("a </s> b", "a [SEP] b", "<s>", "<|endoftext|>"):
            special = {*tokeniser.before, *tokeniser.after} - {tokeniser.unknown}
            assert not special & set(tokeniser.text_ids(text).tolist())


def test_truncation_and_padding_of_the_file_are_not_obeyed(tmp_path: Path) -> None:
    tokenizer = train("wordpiece")
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=8)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    ids = FastTokeniser(tmp_path).text_ids(SCRIPTS[0])
    tokenizer.no_truncation()
    tokenizer.no_padding()
    assert ids.tolist() == tokenizer.encode(SCRIPTS[0], add_special_tokens=False).ids


def test_a_folder_without_a_fast_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no fast tokenizer"):
        FastTokeniser(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="no fast tokenizer"):
        FastTokeniser(tmp_path)


# Family: its tokenizer, and what its configuration says beside the sizes.
MODELS: dict[str, tuple[str, dict]] = {
    "bert": ("wordpiece", {"type_vocab_size": 2}),
    "roberta": ("roberta", {"pad_token_id": 1, "max_position_embeddings": POSITIONS + 2}),
    "xlm-roberta": ("roberta", {"pad_token_id": 1, "max_position_embeddings": POSITIONS + 2}),
    "deberta": (
        "roberta",
        {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "pad_token_id": 1},
    ),
    "deberta-v2": (
        "unigram",
        {
            "relative_attention": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_buckets": 8,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "position_biased_input": False,
            "conv_kernel_size": 3,
            "conv_act": "gelu",
        },
    ),
    "modernbert": (
        "wordpiece",
        {"global_attn_every_n_layers": 2, "local_attention": 6, "pad_token_id": 0},
    ),
    "gpt_neox": ("bytes", {}),
    "llama": ("llama", {"num_key_value_heads": 1}),
    "bloom": ("bytes", {"seq_length": POSITIONS}),
}


def write_model(
    folder: Path, tokenizer: Path, family: str, *, head: bool, **config: object
) -> Path:
    """A folder with random weights, as `save_pretrained` leaves it, and its tokenizer."""
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM

    kind = AutoModel
    if head:
        kind = AutoModelForCausalLM if FAMILIES[family].causal else AutoModelForMaskedLM
    sizes = {
        "vocab_size": 520,
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "max_position_embeddings": POSITIONS,
        "pad_token_id": 0,
    }
    # They are those of a tokenizer of 100,000 subwords, and larger than the vocabulary here.
    special = dict.fromkeys(("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 2)
    torch.manual_seed(0)
    model = kind.from_config(
        AutoConfig.for_model(family, **(sizes | special | MODELS[family][1] | config))
    )
    with torch.no_grad():
        for weight in model.parameters():  # far from 0 and 1, as trained ones are
            weight.add_(torch.randn_like(weight), alpha=0.3)
    model.save_pretrained(folder)
    shutil.copy(tokenizer / "tokenizer.json", folder)
    write_manifest(folder)
    return folder


@pytest.fixture(scope="module")
def folders(
    tokenizers: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    return {
        family: write_model(tmp_path_factory.mktemp(family), tokenizers[kind], family, head=True)
        for family, (kind, _) in MODELS.items()
    }


def texts_of(tokeniser: FastTokeniser, number: int = 8) -> list[NDArray[np.int64]]:
    """Of very different lengths, in no order."""
    rng = np.random.default_rng(0)
    lines = [tokeniser.text_ids(line) for line in SCRIPTS]
    return [lines[n % len(lines)][: rng.integers(1, 30)] for n in range(number)]


def test_every_family_is_tested() -> None:
    assert MODELS.keys() == FAMILIES.keys()


@pytest.mark.parametrize("family", MODELS)
def test_states_are_those_of_each_text_alone(folders: dict[str, Path], family: str) -> None:
    """`transformers` with one text at a time, tokenizer included, no padding, no mask."""
    from transformers import AutoModel, PreTrainedTokenizerFast

    folder = folders[family]
    encoder = load_encoder(folder)
    theirs = AutoModel.from_pretrained(folder).eval()
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    lines = [line[:20] for line in SCRIPTS]
    states = encoder.hidden_states([encoder.text_ids(line) for line in lines])
    with torch.inference_mode():
        alone = [
            theirs(torch.tensor([tokenizer(line)["input_ids"]]), output_hidden_states=True)
            for line in lines
        ]
    assert len(states) == encoder.layers + 1 == 4
    for number, state in enumerate(states):
        expected = torch.cat([each.hidden_states[number][0] for each in alone])
        assert state.shape == (len(expected), encoder.dimension) and state.dtype == torch.float32
        torch.testing.assert_close(state, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", MODELS)
def test_states_do_not_depend_on_the_batch(folders: dict[str, Path], family: str) -> None:
    encoder = TransformersModel(folders[family])
    texts = texts_of(encoder)
    together = encoder.hidden_states(texts)
    alone = [encoder.hidden_states([text]) for text in texts]
    for number, state in enumerate(together):
        expected = torch.cat([each[number] for each in alone])
        torch.testing.assert_close(state, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", MODELS)
def test_the_padding_side_of_a_tokenizer_changes_nothing(
    folders: dict[str, Path], family: str, tmp_path: Path
) -> None:
    """A decoder's tokenizer pads at the left, to generate; here that would shift positions."""
    folder = tmp_path / "model"
    shutil.copytree(folders[family], folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(direction="left", length=40)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"padding_side": "left"}))
    ours, theirs = TransformersModel(folder), TransformersModel(folders[family])
    texts = texts_of(theirs)
    for one, other in zip(ours.hidden_states(texts), theirs.hidden_states(texts), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("family", MODELS)
def test_a_causal_model_sees_nothing_of_what_follows(folders: dict[str, Path], family: str) -> None:
    encoder = TransformersModel(folders[family])
    text = encoder.text_ids(SCRIPTS[0])[:12]
    whole, start = (encoder.hidden_states([part])[-1] for part in (text, text[:6]))
    kept = encoder.lead + 6
    same = torch.allclose(whole[:kept], start[:kept], atol=1e-5)
    assert same == encoder.causal == FAMILIES[family].causal


@pytest.mark.parametrize("family", MODELS)
def test_words_have_vectors_in_every_family(folders: dict[str, Path], family: str) -> None:
    words = tiny_model.word_table([[(word, True) for word in line.split()] for line in SCRIPTS[:4]])
    batches = word_vectors(
        load_encoder(folders[family]), words, pooling="mean", batch_tokens=60, long="window"
    )
    rows = np.concatenate([rows for rows, _ in batches])
    assert sorted(rows.tolist()) == list(range(len(words)))


@pytest.mark.parametrize("family", [f for f in MODELS if not FAMILIES[f].causal])
def test_logits_are_those_of_the_masked_language_model(
    folders: dict[str, Path], family: str
) -> None:
    from transformers import AutoModelForMaskedLM

    model = load_masked_lm(folders[family])
    theirs = AutoModelForMaskedLM.from_pretrained(folders[family]).eval()
    text = model.text_ids(SCRIPTS[1])[:10]
    text[3] = model.mask
    ours = TransformersModel(folders[family], head=True)
    read = torch.from_numpy(np.concatenate([ours.before, text, ours.after]))
    with torch.inference_mode():
        expected = theirs(read[None]).logits[0]
    for encoder in (model, ours):
        logits = encoder.logits(encoder.hidden_states([text])[-1])
        torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", ["deberta", "deberta-v2"])
def test_the_other_head_of_deberta(
    tokenizers: dict[str, Path], tmp_path: Path, family: str
) -> None:
    from transformers import AutoModelForMaskedLM

    write_model(tmp_path, tokenizers[MODELS[family][0]], family, head=True, legacy=False)
    model = load_masked_lm(tmp_path)
    text = torch.tensor([[5, 6, 7, 8]])
    theirs = AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    with torch.inference_mode():
        expected = theirs(text, output_hidden_states=True)
    logits = model.logits(expected.hidden_states[-1][0])
    torch.testing.assert_close(logits, expected.logits[0], atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("family", MODELS)
def test_a_gpu_computes_the_same(folders: dict[str, Path], family: str) -> None:
    cpu, gpu = (TransformersModel(folders[family], device) for device in ("cpu", "cuda"))
    texts = texts_of(cpu)
    for one, other in zip(cpu.hidden_states(texts), gpu.hidden_states(texts), strict=True):
        torch.testing.assert_close(other.cpu(), one, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("family", [f for f in MODELS if FAMILIES[f].causal])
def test_a_decoder_is_no_masked_language_model(folders: dict[str, Path], family: str) -> None:
    with pytest.raises(UserError, match=f"type '{family}' read from left to right.*leave bpc out"):
        load_masked_lm(folders[family])


def test_a_pair_has_the_types_of_its_tokenizer(folders: dict[str, Path]) -> None:
    """BERT's second sentence is of type 1."""
    from transformers import AutoModel, PreTrainedTokenizerFast

    folder = folders["bert"]
    encoder = load_encoder(folder)
    premise, hypothesis = "the cat sees", "a dog"
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    inputs = tokenizer(premise, hypothesis, return_tensors="pt", return_token_type_ids=True)
    assert inputs["token_type_ids"].max() == 1
    with torch.inference_mode():
        expected = AutoModel.from_pretrained(folder).eval()(**inputs).last_hidden_state[0]
    pair = [encoder.text_ids(premise), encoder.separator, encoder.text_ids(hypothesis)]
    states = encoder.hidden_states([encoder.text_ids("a"), np.concatenate(pair)])[-1]
    torch.testing.assert_close(states[-len(expected) :], expected, atol=1e-5, rtol=1e-5)


def test_roberta_is_read_without_transformers(folders: dict[str, Path]) -> None:
    """It takes seconds to import; the same model through it gives the same."""
    fast, slow = load_encoder(folders["roberta"]), TransformersModel(folders["roberta"])
    assert isinstance(fast, XLMRoberta)
    assert fast.window == slow.window == POSITIONS - 2
    texts = texts_of(slow)
    for one, other in zip(fast.hidden_states(texts), slow.hidden_states(texts), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_a_roberta_of_another_kind_goes_through_transformers(
    tokenizers: dict[str, Path], tmp_path: Path
) -> None:
    write_model(tmp_path, tokenizers["roberta"], "roberta", head=False, hidden_act="gelu_new")
    assert isinstance(load_encoder(tmp_path), TransformersModel)


@pytest.mark.parametrize("family", MODELS)
def test_the_window_is_what_the_model_reads(folders: dict[str, Path], family: str) -> None:
    encoder = TransformersModel(folders[family])
    assert encoder.window + encoder.special == POSITIONS
    text = np.resize(encoder.text_ids(SCRIPTS[0]), encoder.window)
    assert len(encoder.hidden_states([text])[0]) == POSITIONS
    with pytest.raises(ValueError, match="subwords at once"):
        encoder.hidden_states([np.append(text, text[:1])])


def changed(folder: Path, into: Path, **config: object) -> Path:
    shutil.copytree(folder, into)
    path = into / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    write_manifest(into)
    return into


@pytest.mark.parametrize("family", ["t5", "vit", "whisper", None])
def test_other_models_are_refused_by_name(
    folders: dict[str, Path], tmp_path: Path, family: str | None
) -> None:
    folder = changed(folders["bert"], tmp_path / "model", model_type=family)
    with pytest.raises(UserError, match=f"models of type {family!r} cannot be encoded, only bert"):
        load_encoder(folder)


@pytest.mark.parametrize("family", ["bert", "gpt_neox", "bloom"])
@pytest.mark.parametrize(("layers", "message"), [(4, "no weights for"), (2, "no place for")])
def test_layers_too_few_or_too_many_are_refused(
    folders: dict[str, Path], tmp_path: Path, family: str, layers: int, message: str
) -> None:
    name = "n_layer" if family == "bloom" else "num_hidden_layers"
    folder = changed(folders[family], tmp_path / "model", **{name: layers})
    with pytest.raises(UserError, match=rf"{message} .*\.{min(layers, 3) if layers == 4 else 2}\."):
        load_encoder(folder)


def test_weights_drawn_at_random_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    """`transformers` only warns of a weight that it does not find, or not in the right shape."""
    folder = tmp_path / "model"
    shutil.copytree(folders["llama"], folder)
    weights = load_file(folder / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    save_file({k: v for k, v in weights.items() if k != name}, folder / "model.safetensors")
    write_manifest(folder)
    with pytest.raises(UserError, match=r"no weights for layers\.1\.mlp\.up_proj\.weight$"):
        load_encoder(folder)
    save_file(weights | {name: weights[name][:, :8].contiguous()}, folder / "model.safetensors")
    write_manifest(folder)
    with pytest.raises(UserError, match=r"another shape to layers\.1\.mlp\.up_proj\.weight$"):
        load_encoder(folder)


def test_a_model_without_a_head_is_no_masked_language_model(
    tokenizers: dict[str, Path], tmp_path: Path
) -> None:
    write_model(tmp_path, tokenizers["wordpiece"], "bert", head=False)
    load_encoder(tmp_path)
    with pytest.raises(UserError, match=r"no weights for cls\.predictions"):
        load_masked_lm(tmp_path)


def test_a_tokenizer_of_another_model_is_refused(
    tokenizers: dict[str, Path], tmp_path: Path
) -> None:
    write_model(tmp_path, tokenizers["bytes"], "gpt_neox", head=False, vocab_size=400)
    with pytest.raises(UserError, match=r"ids to 4\d\d, the model only 400 embeddings"):
        load_encoder(tmp_path)


def test_weights_of_torch_are_read_and_nothing_else_of_them(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(folders["gpt_neox"], folder)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save({name: tensor.half() for name, tensor in weights.items()},
               folder / "pytorch_model.bin")  # fmt: skip
    write_manifest(folder)
    encoder = load_encoder(folder)
    text = encoder.text_ids("the cat")
    ours, theirs = (
        load_encoder(f).hidden_states([text])[-1] for f in (folder, folders["gpt_neox"])
    )
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs, atol=0.05, rtol=0.05)

    torch.save({**weights, "trap": _Trap(tmp_path / "sprung")}, folder / "pytorch_model.bin")
    write_manifest(folder)
    with pytest.raises(UserError, match="cannot load it"):
        load_encoder(folder)
    assert not (tmp_path / "sprung").exists()


class _Trap:
    """Creates a file if it is unpickled as code would be."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_code_beside_the_weights_is_never_run(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = changed(
        folders["bert"],
        tmp_path / "model",
        auto_map=dict.fromkeys(("AutoConfig", "AutoModel", "AutoTokenizer"), "trap.Trap"),
    )
    (folder / "trap.py").write_text("import sys\nsys.trapped = True\n")
    write_manifest(folder)
    load_encoder(folder)
    assert not hasattr(sys, "trapped")


def test_an_old_tokenizer_is_read_through_transformers(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    """`vocab.txt` alone, as the first BERT models have it."""
    folder = tmp_path / "model"
    shutil.copytree(folders["bert"], folder)
    new = FastTokeniser(folder)
    vocabulary = new._tokenizer.get_vocab()
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)))
    (folder / "tokenizer.json").unlink()
    old = FastTokeniser(folder)
    for line in SCRIPTS:
        assert old.text_ids(line).tolist() == new.text_ids(line).tolist()
    assert old.before.tolist() == new.before.tolist()
    assert old.mask == new.mask
