"""Where each figure stands in the page and what is written under it."""

from chronoglot.figures.style import task_title

MARKS = (
    "The step axis is logarithmic, with step 0, the untrained model, set apart on its left. At "
    "each step the layer with the best dev score is taken and its test score drawn. An open "
    "circle on a line marks its learned step, a full one its learned step corrected for step 0."
)

# Figure (or the start of its name) → section, caption.
_CAPTIONS = {
    "curves_by_language": ("curves", f"Accuracy over pretraining, language by language. {MARKS}"),
    "curves": (
        "curves",
        f"Accuracy over pretraining, task by task. {MARKS} The grey band spans the untrained "
        "model's scores over the languages, the hatched one those of always answering the most "
        "frequent training label.",
    ),
    "learned": (
        "learned",
        "Learned step and forgetting of each language and task, the earliest learned languages on "
        "top. Open circles are the plain form, full ones the form corrected for step 0; a long "
        "bar between them means that the plain form owes much to what the untrained model scores.",
    ),
    "layers_by_language": ("languages", "Accuracy by layer and step, language by language: {}."),
    "layers": (
        "layers",
        "Accuracy by layer and step, the mean over languages; each task has its own colours. A "
        "dot marks the best layer of each step; layer 0 is the embedding output.",
    ),
    "losses": (
        "losses",
        "Pretraining loss on training text (all languages mixed) and on the held-out text of each "
        "language. Bits per masked token depend on how the tokenizer cuts a language, so compare "
        "a language with itself over steps, not with another.",
    ),
}


def placed(figure: str) -> tuple[str, str]:
    """Section and caption of a figure, named by its file without the ending."""
    for start, (section, caption) in _CAPTIONS.items():
        if figure.startswith(start):
            task = figure.removeprefix(start).strip("_")
            return section, caption.format(task_title(task).lower())
    return "more", figure.replace("_", " ").capitalize() + "."
