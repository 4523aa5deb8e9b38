"""What columns of the tables may hold, by name. Nothing heavy is imported: planning asks, too."""

SPLITS = ("train", "dev", "test")
"""The parts of a labelled data set, in the order of their rows."""

LABELS = ("entailment", "neutral", "contradiction")
"""What a premise makes of a hypothesis."""

UPOS = frozenset({
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN",
    "PUNCT", "SCONJ", "SYM", "VERB", "X",
})  # fmt: skip
"""The universal parts of speech."""
