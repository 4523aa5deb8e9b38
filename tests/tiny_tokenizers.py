"""Small fast tokenizers as the families of models have them, trained on many scripts."""

from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

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


def write_tokenizers(folder: Path) -> dict[str, Path]:
    """Folders with a `tokenizer.json` each, by kind."""
    folders = {}
    for kind in SPECIAL:
        folders[kind] = folder / kind
        folders[kind].mkdir()
        train(kind).save(str(folders[kind] / "tokenizer.json"))
    return folders
