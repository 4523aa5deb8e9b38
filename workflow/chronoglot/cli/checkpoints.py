"""Commands of the checkpoints stage."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from chronoglot.cli.app import app

Model = Annotated[Path, Option(help="folder of the model, to write")]
Digest = Annotated[Path, Option(help="hashes and norms of the model's tensors, to write")]
Layers = Annotated[int, Option(help="transformer blocks that it should have")]
Tokenizer = Annotated[Path | None, Option(help="folder with the tokenizer")]
Masked = Annotated[bool, Option("--masked", help="bits per character are measured")]


@app.command()
def take_tokenizer(
    tokenizer: Annotated[Path, Argument(help="sentencepiece model")],
    model: Annotated[Path, Option()],
    dictionary: Annotated[Path, Option()],
    given: Annotated[Path | None, Option(help="fairseq's dictionary; without: as numbered")] = None,
) -> None:
    """Take the tokenizer of fairseq's checkpoints."""
    import shutil

    from chronoglot.pretraining.tokenizer import write_dictionary
    from chronoglot.runtime.files import whole

    with whole(model) as temporary:
        shutil.copyfile(tokenizer, temporary)
    if given is None:
        write_dictionary(model, dictionary)
    else:
        with whole(dictionary) as temporary:
            shutil.copyfile(given, temporary)


@app.command()
def take_checkpoint(
    step: int,
    files: Annotated[str, Argument(help="path or URL, or a pattern of them")],
    output: Annotated[Path, Option()],
) -> None:
    """Link or download a checkpoint that fairseq saved."""
    from chronoglot.checkpoints.find import place_of
    from chronoglot.checkpoints.taken import write_taken
    from chronoglot.data.fetch.download import download
    from chronoglot.runtime.files import link

    place = place_of(files, step)
    if isinstance(place, Path):
        link(place, output)
        write_taken(output.parent, [place])
    else:
        download(place, output)


@app.command()
def convert(
    checkpoint: Path,
    model: Annotated[Path, Option(help="sentencepiece model")],
    dictionary: Annotated[Path, Option()],
    folder: Model,
    digest: Digest,
    layers: Layers,
) -> None:
    """Convert a fairseq checkpoint to transformers and safetensors."""
    from chronoglot.checkpoints.convert import convert as convert_checkpoint
    from chronoglot.checkpoints.digest import write_digest

    convert_checkpoint(checkpoint, model, dictionary, folder, layers=layers)
    write_digest(folder, digest)


@app.command()
def take_revision(
    repository: str,
    revision: str,
    folder: Model,
    digest: Digest,
    layers: Layers,
    endpoint: Annotated[str | None, Option(help="another hub")] = None,
    tokenizer: Tokenizer = None,
    masked: Masked = False,
) -> None:
    """Take a revision of a repository on a hub."""
    from chronoglot.checkpoints.hub import snapshot

    snapshot(repository, revision, folder, endpoint=endpoint, tokenizer=tokenizer)
    _check(folder, digest, layers, masked)


@app.command()
def take_folder(
    step: int,
    pattern: Annotated[str, Argument(help="of the checkpoints' folders")],
    folder: Model,
    digest: Digest,
    layers: Layers,
    tokenizer: Tokenizer = None,
    masked: Masked = False,
) -> None:
    """Take a checkpoint that lies in a folder as transformers saves it."""
    from chronoglot.checkpoints.find import place_of
    from chronoglot.checkpoints.folders import checkpoint_files, link_local
    from chronoglot.checkpoints.taken import write_taken

    source = Path(place_of(pattern, step))
    link_local(source, folder, tokenizer=tokenizer)
    _check(folder, digest, layers, masked)
    write_taken(digest.parent, checkpoint_files(source, tokenizer))


def _check(folder: Path, digest: Path, layers: int, masked: bool) -> None:
    """Refuse a model that is not what the settings take it for; write its digest."""
    from chronoglot.checkpoints.digest import write_digest
    from chronoglot.checkpoints.size import check_layers
    from chronoglot.encoding.families import read_config, refuse_causal
    from chronoglot.encoding.tensors import check_tensors, refuse_headless

    check_tensors(folder, read_config(folder))
    check_layers(folder, layers)
    if masked:
        refuse_causal(folder)
        refuse_headless(folder)
    write_digest(folder, digest)


@app.command()
def untrained(
    model: Annotated[Path, Argument(help="folder of a model of the same architecture")],
    seed: Annotated[int, Option()],
    folder: Model,
) -> None:
    """Draw an untrained model, for a run that has no checkpoint of step 0."""
    from chronoglot.checkpoints.untrained import make_untrained

    make_untrained(model, folder, seed=seed)


@app.command()
def verify(
    checkpoints: Annotated[list[Path], Argument(help="digests, or folders of models")],
    accept: Annotated[list[str] | None, Option(help="name of a finding to let pass")] = None,
    verdict: Annotated[Path | None, Option(help="JSON to write")] = None,
) -> None:
    """Compare the weights of a run's checkpoints; the last number in each path is its step."""
    import re

    from chronoglot.checkpoints.digest import digest, read_digest
    from chronoglot.checkpoints.verify import compare, write_verdict
    from chronoglot.runtime.errors import UserError

    digests = {}
    for path in checkpoints:
        numbers = re.findall(r"\d+", str(path))
        if not numbers or int(numbers[-1]) in digests:
            raise UserError(f"{path}: its step is not told by its name, or another's is the same")
        digests[int(numbers[-1])] = digest(path) if path.is_dir() else read_digest(path)
    found = compare(digests, accept or [])
    print(found.describe())
    if found.refused:
        names = ", ".join(finding.name for finding in found.refused)
        raise UserError(f"checkpoints.accept: does not name {names}")
    if verdict:
        write_verdict(found, verdict)


@app.command()
def check_conversion(
    checkpoint: Path,
    sentences: Annotated[list[Path], Argument(help="texts, or tables of the data stage")],
    folder: Annotated[Path, Option(help="the converted model")],
    dictionary: Annotated[Path, Option()],
    output: Annotated[Path, Option()],
) -> None:
    """Compare a converted checkpoint with fairseq's own hidden states and token ids."""
    from itertools import islice

    from chronoglot.checkpoints.check import compare_with_fairseq
    from chronoglot.runtime.files import whole

    texts = [text for path in sentences for text in islice(_texts(path), 8)]
    result = compare_with_fairseq(checkpoint, folder, dictionary, texts)
    with whole(output) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")


@app.command()
def check_gpu(
    sections: Annotated[list[str], Argument(help="of the settings, whose device is cuda")],
    output: Annotated[Path, Option(help="JSON to write")],
) -> None:
    """Refuse settings that ask for a GPU where there is none, before anything is done."""
    from chronoglot.runtime.device import check_gpu as look

    look(sections, output)


def _texts(path: Path) -> Iterator[str]:
    """Sentences of a text, or of a table, whose folder tells what it holds."""
    from chronoglot.data.lines import paragraphs
    from chronoglot.tables.gold_links import read_gold_links
    from chronoglot.tables.sentence_pairs import read_pairs
    from chronoglot.tables.words import read_words

    if path.parent.name == "words":
        yield from read_words(path).texts()
    elif path.parent.name == "pairs":
        yield from read_pairs(path).premise
    elif path.parent.name == "parallel":
        yield from (" ".join(pair.source) for pair in read_gold_links(path).translations)
    else:
        yield from paragraphs(path)
