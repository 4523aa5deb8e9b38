"""The part of a held-out text that bits per character are measured on."""

import json
from collections.abc import Iterator
from pathlib import Path

from chronoglot.data.lines import paragraphs
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole


def first_paragraphs(text: Path, max_characters: int | None) -> Iterator[str]:
    """The paragraphs before the first that would exceed `max_characters`.

    Raises UserError if that is the first of all.
    """
    characters = 0
    for number, paragraph in enumerate(paragraphs(text)):
        characters += len(paragraph)
        if max_characters is not None and characters > max_characters:
            if not number:
                raise UserError(
                    f"{text}: the first paragraph alone has more than {max_characters} "
                    "characters; raise data.max_bpc_characters"
                )
            return
        yield paragraph


def check_heldout(text: Path, output: Path, max_characters: int | None) -> None:
    """Read what will be measured; write and print how much it is.

    Raises UserError if it is nothing, or holds no letter, of which no word and no subword is made.
    """
    chosen = list(first_paragraphs(text, max_characters))
    if not any(character.isalpha() for paragraph in chosen for character in paragraph):
        raise UserError(
            f"{text}: there is no letter in what bits per character are measured on; give more "
            "text, raise data.heldout_share or data.max_bpc_characters, or leave bpc out"
        )
    counts = {"paragraphs": len(chosen), "characters": sum(map(len, chosen))}
    with whole(output) as temporary:
        temporary.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")
    print(f"{text}: {counts['paragraphs']:,} paragraphs, {counts['characters']:,} characters")
