"""The tokenizer that is read is the model's: its files agree, and it gives its vocabulary back."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_model
from chronoglot.checkpoints.agreement import SENTENCEPIECE, check_tokenizer, is_extended
from chronoglot.checkpoints.folders import link_local
from chronoglot.encoding.fast_tokens import FastTokenizer, load_tokenizer
from chronoglot.encoding.tokens import SentencePieceTokenizer
from chronoglot.runtime.errors import UserError
from sentencepiece import SentencePieceProcessor
from tiny_families import write_model
from tiny_tokenizers import SPECIAL, write_tokenizers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

CASED = ["Der Hund und die Katze Über Berlin", "Ärger im Haus", "Zoë Öl Ähre Été Gérard é ä"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "Der", "Hund", "Haus", "Über", "hund", "##e"]


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tokenizers(tmp_path_factory.mktemp("tokenizers"))


def trained(normalizer: normalizers.Normalizer) -> Tokenizer:
    """A tokenizer of cased and accented words, to which a normalizer is given afterwards."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=300, special_tokens=SPECIAL["wordpiece"], show_progress=False
    )
    tokenizer.train_from_iterator(CASED * 20, trainer)
    tokenizer.normalizer = normalizer
    return tokenizer


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("kind", SPECIAL)
def test_sound_tokenizers_pass(
    tokenizers: dict[str, Path], tmp_path: Path, kind: str, padded: bool
) -> None:
    tokenizer = Tokenizer.from_file(str(tokenizers[kind] / "tokenizer.json"))
    if padded:  # as they are saved for classification
        tokenizer.enable_padding(length=16)
        tokenizer.enable_truncation(4)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    check_tokenizer(tmp_path, "model")


@pytest.mark.parametrize(
    ("normalizer", "kind"),
    [
        (normalizers.BertNormalizer(lowercase=True), "cased"),
        (normalizers.Lowercase(), "cased"),
        (normalizers.BertNormalizer(lowercase=False, strip_accents=True), "accented"),
        (normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]), "accented"),
    ],
)
def test_what_takes_away_what_the_vocabulary_has_is_refused(
    tmp_path: Path, normalizer: normalizers.Normalizer, kind: str
) -> None:
    trained(normalizers.BertNormalizer(lowercase=False)).save(str(tmp_path / "tokenizer.json"))
    check_tokenizer(tmp_path, "model")
    trained(normalizer).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UserError, match=rf"does not give back .* {kind} entries"):
        check_tokenizer(tmp_path, "model")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"do_lower_case": True}, "do_lower_case: true, but tokenizer.json makes 'ABC'"),
        ({"strip_accents": True}, "strip_accents: true"),
        ({"do_lower_case": False, "strip_accents": False}, None),
        ({"do_lower_case": None}, None),
    ],
)
def test_settings_that_the_tokenizer_does_not_follow(
    tmp_path: Path, said: dict, told: str | None
) -> None:
    trained(normalizers.BertNormalizer(lowercase=False)).save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(said))
    if told is None:
        check_tokenizer(tmp_path, "model")
    else:
        with pytest.raises(UserError, match=told):
            check_tokenizer(tmp_path, "model")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("vocab.txt", lambda entries: "\n".join(["[new]", *entries])),  # shifted by one
        ("vocab.txt", lambda entries: "\n".join([*entries, "more"])),
        ("vocab.json", lambda entries: json.dumps({entries[7]: 8})),
        ("added_tokens.json", lambda entries: json.dumps({"added": len(entries)})),
        (
            "tokenizer_config.json",
            lambda _: json.dumps({"added_tokens_decoder": {"400": {"content": "added"}}}),
        ),
    ],
)
def test_files_that_disagree_are_named(
    tmp_path: Path, file: str, content: Callable[[list[str]], str]
) -> None:
    tokenizer = trained(normalizers.BertNormalizer(lowercase=False))
    vocabulary = tokenizer.get_vocab()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    entries = sorted(vocabulary, key=vocabulary.__getitem__)
    (tmp_path / "vocab.txt").write_text("\n".join(entries))
    check_tokenizer(tmp_path, "model")
    (tmp_path / file).write_text(content(entries))
    with pytest.raises(UserError, match=f"model: {file} and tokenizer.json disagree on"):
        check_tokenizer(tmp_path, "model")


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (None, "Hund"),
        ({}, "Hund"),
        ({"do_lower_case": False}, "Hund"),
        ({"do_lower_case": True}, ""),
    ],
)
def test_a_cased_list_of_subwords_stays_cased(
    tokenizers: dict[str, Path], tmp_path: Path, said: dict | None, read: str
) -> None:
    source = write_model(tmp_path / "old", tokenizers["wordpiece"], "bert", head=True)
    (source / "tokenizer.json").unlink()
    (source / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    if said is not None:
        (source / "tokenizer_config.json").write_text(json.dumps(said))
    if not read:
        with pytest.raises(UserError, match="does not give back"):
            link_local(source, tmp_path / "model")
        return
    link_local(source, tmp_path / "model")
    assert FastTokenizer(tmp_path / "model").text_ids("Hund Über hund").tolist() == [6, 8, 9]


def test_a_list_without_case_stays_without(tokenizers: dict[str, Path], tmp_path: Path) -> None:
    source = write_model(tmp_path / "old", tokenizers["wordpiece"], "bert", head=True)
    (source / "tokenizer.json").unlink()
    (source / "vocab.txt").write_text("\n".join([*WORDS[:5], "hund", "haus", "uber"]) + "\n")
    link_local(source, tmp_path / "model")
    assert FastTokenizer(tmp_path / "model").text_ids("Hund ÜBER").tolist() == [5, 7]


@pytest.fixture
def xlmr(tmp_path: Path) -> Path:
    """XLM-R with its sentencepiece model, and with the `tokenizer.json` that is made of it."""
    from transformers import XLMRobertaTokenizer

    folder = tiny_model.write_model(tmp_path)
    XLMRobertaTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "saved")
    shutil.copy(tmp_path / "saved/tokenizer.json", folder)
    return folder


def test_xlmr_with_both_files_is_read_by_sentencepiece(xlmr: Path, tmp_path: Path) -> None:
    assert not is_extended(xlmr, "model")
    link_local(xlmr, tmp_path / "taken")
    assert isinstance(load_tokenizer(tmp_path / "taken"), SentencePieceTokenizer)


@pytest.mark.parametrize("file", ["tokenizer.json", "added_tokens.json", "tokenizer_config.json"])
def test_added_tokens_are_read(xlmr: Path, tmp_path: Path, file: str) -> None:
    size = SentencePieceProcessor(model_file=str(xlmr / SENTENCEPIECE)).get_piece_size() + 2
    if file == "tokenizer.json":
        tokenizer = Tokenizer.from_file(str(xlmr / file))
        tokenizer.add_tokens(["ቤት"])
        tokenizer.save(str(xlmr / file))
    else:
        (xlmr / "tokenizer.json").unlink()
        entry = {"content": "ቤት", "special": False, "normalized": True}
        entry |= dict.fromkeys(("lstrip", "rstrip", "single_word"), False)
        content = (
            {"ቤት": size}
            if file == "added_tokens.json"
            else {
                "added_tokens_decoder": {str(size): entry},
                "tokenizer_class": "XLMRobertaTokenizer",
            }
        )
        (xlmr / file).write_text(json.dumps(content))
    link_local(xlmr, tmp_path / "taken")
    assert size in load_tokenizer(tmp_path / "taken").text_ids("a ቤት b").tolist()


def test_an_added_token_may_divide_any_text_anew(xlmr: Path) -> None:
    tokenizer = Tokenizer.from_file(str(xlmr / "tokenizer.json"))
    tokenizer.add_tokens(["fox"])
    tokenizer.save(str(xlmr / "tokenizer.json"))
    assert is_extended(xlmr, "model")


def test_xlmr_files_that_contradict_each_other_are_refused(xlmr: Path, tmp_path: Path) -> None:
    content = json.loads((xlmr / "tokenizer.json").read_text())
    vocabulary = content["model"]["vocab"]
    vocabulary[10], vocabulary[11] = vocabulary[11], vocabulary[10]
    (xlmr / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="disagree on 2 of"):
        link_local(xlmr, tmp_path / "taken")
    vocabulary[10], vocabulary[11] = vocabulary[11], vocabulary[10]
    content["normalizer"] = {
        "type": "Sequence",
        "normalizers": [content["normalizer"], {"type": "Lowercase"}],
    }
    (xlmr / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="in two ways"):
        link_local(xlmr, tmp_path / "taken")
