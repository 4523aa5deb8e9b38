"""Commands as the documentation shows them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("workflow/experiments/*.yaml")]


def test_no_target_is_taken_for_a_configuration() -> None:
    """`--configfile` takes all names up to the next option."""
    shown = [
        (page.name, line.strip())
        for page in PAGES
        for line in re.findall(r"\bsnakemake .*--configfile +\S+(.*)", page.read_text("utf-8"))
    ]
    assert len(shown) > 10
    assert not [(page, rest) for page, rest in shown if re.match(r"[A-Za-z{]", rest.lstrip("`"))]
