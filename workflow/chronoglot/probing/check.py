"""Whether a table has what its tasks need: asked before a checkpoint is trained, taken or run."""

import json
from collections.abc import Sequence
from pathlib import Path

from chronoglot.probing.examples import make_examples
from chronoglot.probing.reading import load_probing_task, read_items
from chronoglot.runtime.files import whole


def check_examples(
    table: Path,
    output: Path,
    *,
    language: str,
    tasks: Sequence[str],
    splits: Sequence[str],
    seed: int,
) -> None:
    """Make the examples of every task, as its probes' jobs will, and write how many there are.

    `table` is the word table or the pair table of `language`, `splits` what the tasks need of it.
    Writes and prints task → split → number of examples. Raises UserError as `make_examples` does.
    """
    counts = {}
    for name in tasks:
        task = load_probing_task(name)
        items = read_items(task, table)
        parts = make_examples(task, items, splits, seed=seed, language=language, table=table)
        counts[name] = {split: len(examples) for split, examples in parts.items()}
        sizes = ", ".join(f"{split} {count:,}" for split, count in counts[name].items())
        print(f"{language}, {name}: {sizes} examples")
    with whole(output) as temporary:
        temporary.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")
