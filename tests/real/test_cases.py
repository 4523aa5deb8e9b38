"""Small inputs that went wrong once, where CHRONOGLOT_CASES names the folder that holds them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from chronoglot.data.gold_links import read_gold
from chronoglot.encoding.encoder import load_masked_lm
from chronoglot.encoding.fast_tokens import load_tokenizer
from chronoglot.tables.words import read_words

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cases() -> Path:
    folder = os.environ.get("CHRONOGLOT_CASES")
    if not folder or not Path(folder).is_dir():
        pytest.skip("CHRONOGLOT_CASES names no folder")
    return Path(folder)


def chronoglot(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder."""
    command = [sys.executable, "-m", "chronoglot", *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert "Traceback" not in run.stderr
    return run


def test_links_with_wide_spaces(cases: Path) -> None:
    folder = cases / "links-with-wide-spaces"
    wide, plain = read_gold(folder / "en-fr"), read_gold(folder / "en-fr-plain")
    assert [(len(p.source), len(p.target), p.sure) for p in wide.translations] == [
        (len(p.source), len(p.target), p.sure) for p in plain.translations
    ]
    assert any("\u00a0" in token for pair in wide.translations for token in pair.target)


def test_hidden_words(cases: Path, tmp_path: Path) -> None:
    for name, choice in (("UD_X-A", "refuse"), ("UD_X-A", "leave_out"), ("UD_X-Y", "refuse")):
        treebank = cases / "hidden-words" / name
        run = chronoglot(
            tmp_path, "words", "xx", treebank, "--words", "w.parquet", "--hidden", choice
        )
        assert run.returncode
        assert "hidden" in run.stderr
        assert not (tmp_path / "w.parquet").exists()
    run = chronoglot(
        *(tmp_path, "words", "xx", cases / "hidden-words/UD_X-Y", "--words", "w.parquet"),
        *("--hidden", "leave_out"),
    )
    assert "31 sentences with hidden words left out" in run.stdout
    assert all(form.strip("_") for form in read_words(tmp_path / "w.parquet").form)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("relative_key", "position_embedding_type"),
        ("adapter", "adapters.de.adapter_down"),
        ("llama-bias", r"k_proj.bias"),
    ],
)
def test_unused_weights(cases: Path, tmp_path: Path, name: str, told: str) -> None:
    pattern = f"{cases}/unused-weights/{name}/checkpoint-{{step}}"
    options = ("--folder", "m", "--digest", "d.json", "--layers", "2")
    run = chronoglot(tmp_path, "take-folder", "1", pattern, *options)
    assert run.returncode
    assert told in run.stderr
    assert not (tmp_path / "d.json").exists()


def test_added_tokens(cases: Path, tmp_path: Path) -> None:
    folder = cases / "added-tokens"
    options = ("--folder", "m", "--digest", "d.json", "--layers", "2")
    run = chronoglot(tmp_path, "take-folder", "100", f"{folder}/checkpoint-{{step}}", *options)
    assert run.returncode == 0, run.stderr
    prepared = chronoglot(tmp_path, "words", "am", folder / "UD_Amharic-X", "--words", "w.parquet")
    assert prepared.returncode == 0, prepared.stderr
    vectors = [f"v{layer}.npy" for layer in range(3)]
    encoded = chronoglot(tmp_path, "encode", "words", "m", *vectors, "--table", "w.parquet")
    assert encoded.returncode == 0, encoded.stderr
    subwords = load_tokenizer(tmp_path / "m").tokenize(read_words(tmp_path / "w.parquet"))
    assert subwords.ids[:4].tolist() == [162, 19, 163, 31]


def test_cased_vocabulary(cases: Path, tmp_path: Path) -> None:
    pattern = f"{cases}/cased-vocab-txt/checkpoint-{{step}}"
    options = ("--folder", "m", "--digest", "d.json", "--layers", "2")
    run = chronoglot(tmp_path, "take-folder", "100", pattern, *options)
    assert run.returncode == 0, run.stderr
    entries = (cases / "cased-vocab-txt/checkpoint-100/vocab.txt").read_text().split("\n")
    ids = load_tokenizer(tmp_path / "m").text_ids("Hund Über hund")
    assert [entries[number] for number in ids] == ["Hund", "Über", "hund"]


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("lfs-pointer", 1, r"step 200 is not complete: model.safetensors is a Git LFS pointer"),
        ("lost-shard", 0, r"step 200 is left out: no model-00002-of-00002.safetensors"),
        ("adapters-only", 1, r"step 100 is not complete: no weights of a whole model, but an adap"),
    ],
)
def test_incomplete_checkpoints(
    cases: Path, tmp_path: Path, name: str, code: int, told: str
) -> None:
    treebank = {"name": "UD_Amharic-X"}
    settings = {
        "experiment": "x",
        "tasks": ["pos"],
        "checkpoints": {"folder": {"path": str(cases / "incomplete-checkpoints" / name)}},
        "folders": {"treebanks": str(cases / "added-tokens")},
        "languages": {"am": {"treebank": treebank}},
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(settings))
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-n",
        "--snakefile",
        str(ROOT / "workflow/Snakefile"),
    ]
    command += ["--directory", str(tmp_path), "--configfile", str(tmp_path / "mine.yaml")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == code, run.stderr
    assert told in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("checkpoint", "dictionary", "told"),
    [
        ("origmod-arch.pt", "dict.txt", None),
        ("padded.pt", "dict-padded.txt", None),
        ("checkpoint_1_20-shard0.pt", "dict.txt", "one shard of a checkpoint that FSDP divided"),
    ],
)
def test_fairseq_names(
    cases: Path, tmp_path: Path, checkpoint: str, dictionary: str, told: str | None
) -> None:
    folder = cases / "fairseq-names"
    run = chronoglot(
        *(tmp_path, "convert", folder / checkpoint, "--model", folder / "sentencepiece.bpe.model"),
        *("--dictionary", folder / dictionary, "--folder", "m", "--digest", "d.json"),
        *("--layers", "2"),
    )
    assert (run.returncode == 0) == (told is None), run.stderr
    assert (told or "") in run.stderr
    if told is None:
        assert load_masked_lm(tmp_path / "m").mask == 161
