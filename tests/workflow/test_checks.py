"""What cannot come to anything is told before a checkpoint is trained, taken or run."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Workflow

WORDS = ("Hund", "Katze", "Maus", "Vogel", "Fisch", "Baum")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("step_999999", "step_999999: there is no such checkpoint; the steps are 0, 4, 8"),
        ("step_6", "step_6: there is no such checkpoint; the steps are 0, 4, 8"),
        ("{results}/checkpoints/step-25/model/manifest.json", "the run has 24 updates; the steps"),
        ("{results}/bpc/step-999999/qaa.json", "the run has 24 updates; the steps are 0, 4, 8"),
        ("{results}/probes/step-4/layer-3/qaa/pos.json", "not probed; those that are: 0, 1, 2"),
        ("{results}/probes/step-4/layer-1/qaa/poss.json", "poss is not one of the `tasks`"),
        ("{results}/probes/step-4/layer-1/qac/pos.json", "qac is not one of the `languages`"),
        ("{results}/probes/step-4/layer-1/qaa/bpc.json", "no probes of bpc in qaa"),
        ("{results}/transfer/step-4/layer-1/xx/pos.json", "xx is not one of the `languages`"),
        ("{results}/bpc/step-6/qa.json", "qa is not one of the `languages`"),
        ("{results}/alignment/step-4/qab-qaa.json", "qab-qaa is not in `alignment.gold`"),
        ("{results}/data/words/qac.parquet", "qac is not one of the `languages`"),
        ("{results}/data/text/xx/train.txt", "xx is not one of the `languages`"),
        ("{results}/data/checked/pairs/xx.json", "xx is not one of the `languages`"),
        (
            "{results}/vectors/step-4/xx/words/mean-4096-window-fp32/layer-0.npy",
            "xx is not one of the `languages`",
        ),
        ("{results}/figures/layers_by_night.png", "layers_by_night"),
    ],
)
def test_what_is_asked_for_and_cannot_be_made(
    fresh: Workflow, miniature: dict[str, Any], target: str, said: str
) -> None:
    outcome = fresh.snakemake(
        miniature, "--dry-run", "--", target.format(results="results/miniature")
    )
    assert outcome.code != 0
    assert said in outcome.text
    assert "Traceback" not in outcome.text


def test_a_job_that_fails_says_nothing_that_is_none(
    fresh: Workflow, miniature: dict[str, Any]
) -> None:
    """Snakemake would begin with `message: None`. The text is keyed, and not said to be."""
    (fresh.folder / "de.txt").write_text("a#1\tone\nb#1\ttwo\n")
    miniature["folders"] = {"text": "."}
    miniature["languages"] |= {"de": {"text": {"files": ["de.txt"]}}}
    text = "results/miniature/data/text/de/train.txt"
    outcome = fresh.snakemake(miniature, "--cores", "1", "--", text)
    assert outcome.code != 0 and "Error in rule text" in outcome.text
    assert "None" not in outcome.text
    assert outcome.text.count("as `format: plain` has it, no blank line stands in it") == 1


def test_a_step_between_those_listed_can_be_asked_for_by_path(
    fresh: Workflow, miniature: dict[str, Any]
) -> None:
    jobs = fresh.plan(miniature, "--", "results/miniature/checkpoints/step-6/checkpoint.pt")
    assert jobs["checkpoint"] == 1


def _treebank(tags: list[str], first: int, sentences: int) -> str:
    """Sentences of as many words as tags; all hang on the first."""
    blocks = []
    for number in range(first, first + sentences):
        rows = [
            f"{place}\t{word}{number}\t_\t{tag}\t_\t_\t{int(place > 1)}\t"
            f"{'root' if place == 1 else 'nsubj' if place % 2 else 'obj'}\t_\t_"
            for place, (word, tag) in enumerate(zip(WORDS, tags, strict=False), 1)
        ]
        blocks.append("\n".join([f"# sent_id = {number}", *rows]))
    return "\n\n".join(blocks) + "\n\n"


def _add_german(workflow: Workflow, config: dict[str, Any], parts: dict[str, str]) -> None:
    folder = workflow.folder / "ud/UD_German-GSD"
    folder.mkdir(parents=True)
    for part, content in parts.items():
        (folder / f"de_gsd-ud-{part}.conllu").write_text(content, encoding="utf-8")
    config["folders"] = {"treebanks": "ud"}
    config["languages"]["de"] = {"treebank": {"name": "UD_German-GSD"}}


def _refused(workflow: Workflow, config: dict[str, Any], *said: str) -> None:
    outcome = workflow.snakemake(config, "--cores", "1")
    assert outcome.code != 0
    for part in said:
        assert part in outcome.text, outcome.text[-4000:]
    assert "Traceback" not in outcome.text
    results: Path = workflow.folder / "results/miniature"
    assert not [path for path in ("tokenizer", "pretraining") if (results / path).exists()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("train", "dev", "said"),
    [
        (["NOUN"] * 4, ["NOUN", "VERB"], "task pos: every example of the train split of"),
        (["NOUN", "VERB"], ["NOUN", "VERB"], "task arc_prediction: the train split of"),
        (["NOUN", "VERB", "X"], ["VERB"], "task arc_prediction: the dev split of"),
    ],
)
def test_a_treebank_that_lacks_what_a_task_needs(
    fresh: Workflow, miniature: dict[str, Any], train: list[str], dev: list[str], said: str
) -> None:
    good = ["NOUN", "VERB", "ADJ", "DET"]
    parts = {"train": (train, 0, 5), "dev": (dev, 5, 5), "test": (good, 10, 5)}
    _add_german(fresh, miniature, {part: _treebank(*given) for part, given in parts.items()})
    _refused(fresh, miniature, "language de, ", said)


@pytest.mark.slow
def test_a_treebank_of_one_sentence(fresh: Workflow, miniature: dict[str, Any]) -> None:
    _add_german(fresh, miniature, {"train": _treebank(["NOUN", "VERB"], 0, 1)})
    miniature["languages"]["de"]["treebank"]["split"] = "sentence"
    _refused(fresh, miniature, "de: no sentence is left for")


@pytest.mark.slow
@pytest.mark.parametrize("text", ["1 2 3.\n\n4 5.\n", "....\n\n....... \n", "1.\n\n2.\n\n345678\n"])
def test_a_text_without_a_word(fresh: Workflow, miniature: dict[str, Any], text: str) -> None:
    (fresh.folder / "german.txt").write_text(text, encoding="utf-8")
    miniature["folders"] = {"text": "."}
    miniature["languages"]["de"] = {"text": {"files": ["german.txt"]}}
    _refused(fresh, miniature, "german.txt: ", "no letter in what falls to")


@pytest.mark.slow
def test_a_first_paragraph_that_is_longer_than_what_bits_are_measured_on(
    fresh: Workflow, miniature: dict[str, Any]
) -> None:
    miniature["data"] = {"max_bpc_characters": 2}
    _refused(fresh, miniature, "heldout.txt: the first paragraph alone has more than 2")


@pytest.mark.slow
@pytest.mark.parametrize("section", ["pretraining", "encoding"])
def test_a_gpu_that_is_not_there(
    fresh: Workflow, miniature: dict[str, Any], section: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    miniature.setdefault(section, {})["device"] = "cuda"
    _refused(fresh, miniature, f"{section}.device: cuda, but torch finds no GPU here; set it to")
    assert not (fresh.folder / "results/miniature/data/text").exists()


def test_settings_that_need_no_gpu_look_for_none(
    fresh: Workflow, miniature: dict[str, Any]
) -> None:
    assert "check_gpu" not in fresh.plan(miniature)
    miniature["encoding"] = {"device": "cuda"}
    assert fresh.plan(miniature)["check_gpu"] == 1
