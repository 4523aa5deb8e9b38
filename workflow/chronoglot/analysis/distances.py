"""Distances between languages: URIEL's, and those of invented languages from their typology.

URIEL (Littell et al. 2017, "URIEL and lang2vec") describes languages by vectors, which the package
lang2vec ships. Its archive of distances is not in the package, and others could not reproduce it
(Toossi et al. 2024, arXiv 2405.11125); so the distances are computed from the vectors, as Lin et
al. (2019, arXiv 1905.12688) define them, but for the genetic one, theirs being a tree's:

    syntactic    cosine distance of the syntactic features, unknown ones predicted (syntax_knn)
    genetic      cosine distance of the memberships in families and their branches (fam)
    geographic   great-circle distance ÷ half the Earth's circumference (geo)

For two invented languages the syntactic distance is the share of the generator's parameters, the
script aside, in which they differ; the genetic one is 0 within a family and 1 beyond; they lie
nowhere. Distances lie in [0, 1] and are NaN where one of the languages is not known.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from chronoglot.settings.in_vitro import PARAMETERS, Typology

Floats = NDArray[np.float64]

DISTANCES = ("syntactic", "genetic", "geographic")

STANDARD = {
    "ara": "arb",
    "fas": "pes",
    "que": "quz",
    "sqi": "als",
    "swa": "swh",
    "zho": "cmn",
}
"""Macrolanguages, read as the variety of most text, whose place URIEL knows more finely."""

KIN = {"ekk": "est", "lvs": "lav", "nno": "nor", "nob": "nor", "twi": "aka"}
"""Languages without a family in URIEL by oversight: read as these in the genetic distance."""


def distances(languages: Sequence[str], typologies: Mapping[str, Typology]) -> dict[str, Floats]:
    """The three distances by name, each [languages, languages].

    `typologies` describes the invented ones among the languages; the others are looked up in URIEL
    by their ISO 639-1 or 639-3 code, and standard error names those that it does not know.
    """
    found = {name: np.full((len(languages), len(languages)), np.nan) for name in DISTANCES}
    invented = [number for number, code in enumerate(languages) if code in typologies]
    others = [number for number, code in enumerate(languages) if code not in typologies]
    if invented:
        _fill(found, invented, _in_vitro([typologies[languages[number]] for number in invented]))
    if others:
        _fill(found, others, _uriel([languages[number] for number in others]))
    return found


def _fill(found: dict[str, Floats], rows: list[int], part: dict[str, Floats]) -> None:
    for name, matrix in part.items():
        found[name][np.ix_(rows, rows)] = matrix


def _in_vitro(typologies: Sequence[Typology]) -> dict[str, Floats]:
    grammar = [name for name in PARAMETERS if name != "script"]
    values = np.array([[str(getattr(one, name)) for name in grammar] for one in typologies])
    families = np.array([one.family for one in typologies])
    return {
        "syntactic": (values[:, None] != values[None]).mean(axis=2),
        "genetic": (families[:, None] != families[None]).astype(float),
    }


def _uriel(languages: Sequence[str]) -> dict[str, Floats]:
    """URIEL's distances between languages; rows and columns of those it does not know are NaN."""
    iso_639_3 = json.loads((files("lang2vec") / "data" / "letter_codes.json").read_text())
    codes = [iso_639_3.get(language, language) for language in languages]
    codes = [STANDARD.get(code, code) for code in codes]
    syntax = _vectors("feature_predictions.npz", codes, prefix="S_")
    unknown = np.isnan(syntax[:, 0])
    if unknown.any():
        names = ", ".join(np.array(languages)[unknown])
        print(f"not in URIEL, so without distances to others: {names}", file=sys.stderr)
    families = _vectors("family_features.npz", [KIN.get(code, code) for code in codes])
    places = _places(_vectors("geocoord_features.npz", codes))
    found = {
        "syntactic": cdist(syntax, syntax, "cosine"),
        "genetic": _genetic(families),
        "geographic": np.arccos(np.clip(places @ places.T, -1, 1)) / np.pi,
    }
    return {name: np.clip(matrix, 0, 1) for name, matrix in found.items()}


def _genetic(families: Floats) -> Floats:
    """Cosine distances; a language of no family, an isolate such as Basque, is 1 from all."""
    distance = cdist(families, families, "cosine")
    known = ~np.isnan(families[:, 0])
    distance[np.isnan(distance) & known[:, None] & known] = 1
    return distance


def _places(to_points: Floats) -> Floats:
    """Unit vectors from the Earth's centre. [languages, 3].

    URIEL's vector of a place holds its great-circle distances to 299 points, as shares of half the
    circumference; the cosine of each is the inner product of place and point.
    """
    with _open("geocoord_features.npz") as database:
        degrees = np.array([name.split("_")[1:] for name in database["feats"]], dtype=float)
    latitude, longitude = np.radians(degrees).T
    points = np.stack(
        [
            np.cos(latitude) * np.cos(longitude),
            np.cos(latitude) * np.sin(longitude),
            np.sin(latitude),
        ],
        axis=1,
    )
    places = np.cos(np.pi * to_points) @ np.linalg.pinv(points).T
    return places / np.linalg.norm(places, axis=1, keepdims=True)


def _open(name: str) -> np.lib.npyio.NpzFile:
    # The data alone: lang2vec's module needs a setuptools with pkg_resources to be imported.
    return np.load(str(files("lang2vec") / "data" / name))


def _vectors(name: str, codes: Sequence[str], prefix: str = "") -> Floats:
    """URIEL's vectors of languages, NaN where it does not know one. [languages, features]."""
    with _open(name) as database:
        row = {code: number for number, code in enumerate(database["langs"].tolist())}
        columns = np.char.startswith(database["feats"], prefix)
        data = database["data"]
    vectors = np.full((len(codes), int(columns.sum())), np.nan)
    for number, code in enumerate(codes):
        if code in row:
            vectors[number] = data[row[code], columns, 0]
    return vectors
