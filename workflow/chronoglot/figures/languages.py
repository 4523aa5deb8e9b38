"""The languages as a reader meets them: their order and their names."""

from collections.abc import Iterable, Mapping, Sequence

Languages = Mapping[str, tuple[str, str, str]]
"""Language code → (name, script, family)."""


def in_language_order(codes: Iterable[str], languages: Languages) -> list[str]:
    """The distinct codes by family, then script, then code; those not in `languages` last."""

    def rank(code: str) -> tuple[bool, str, str, str]:
        _, script, family = languages.get(code, ("", "", ""))
        return code not in languages, family, script, code

    return sorted(set(codes), key=rank)


def language_name(code: str, languages: Languages) -> str:
    """The language's name for a figure: its code where it has no other."""
    # A dollar sign would start a formula.
    return (languages[code][0] if code in languages else code).replace("$", r"\$")


def families(codes: Sequence[str], languages: Languages) -> list[tuple[str, int, int]]:
    """(family, first, last + 1) of each run of neighbours in `codes` that share a family."""
    runs: list[tuple[str, int, int]] = []
    for place, code in enumerate(codes):
        family = languages[code][2] if code in languages else ""
        if runs and runs[-1][0] == family:
            runs[-1] = (family, runs[-1][1], place + 1)
        else:
            runs.append((family, place, place + 1))
    return runs
