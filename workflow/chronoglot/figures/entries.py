"""The list of figures, in the report's order: a new figure is one entry here and its function.

A figure's function is called with its tables in the order given, the task if its name holds one,
the languages (`Languages`) and the path of the PNG to write.
"""

from dataclasses import dataclass
from typing import Literal

Shows = Literal["experiment", "in-language", "probes", "layers", "pairs", "transfer", "pretraining"]


@dataclass(frozen=True)
class Entry:
    """A figure, or one for each task where `{task}` stands in its name.

    `draw` is `module.function` in this package. `shows` says without which tasks there is nothing
    to draw: any task; one scored in-language; one with probes, with layers, of pairs, or with
    transfer; or without pretraining. `caption` may hold `{task}`, the task's title.
    """

    name: str
    draw: str
    tables: tuple[str, ...]
    shows: Shows
    section: str
    caption: str

    @property
    def a_task(self) -> bool:
        """Whether there is one figure a task."""
        return "{task}" in self.name

    @property
    def stem(self) -> str:
        """The name's part before the task."""
        return self.name.removesuffix("{task}")


_MARKS = (
    "The step axis is logarithmic, with step 0, the untrained model, set apart on its left. At "
    "each step the layer with the best dev score is taken and its test score drawn. An open "
    "circle on a line marks its learned step, a full one its learned step corrected for step 0."
)
_MATRIX = "A row is the source, which the probe was trained on, a column the target it is scored on"

ENTRIES = (
    Entry(
        "curves",
        "curves.curves_by_task",
        ("scores", "summary"),
        "in-language",
        "curves",
        f"Scores over pretraining, task by task, in-language. {_MARKS} The grey band spans the "
        "untrained model's scores over the languages, the hatched one those of always answering "
        "the most frequent training label. Of bits per character fewer are better.",
    ),
    Entry(
        "curves_by_language",
        "curves.curves_by_language",
        ("scores", "summary"),
        "in-language",
        "curves",
        f"Scores over pretraining, language by language. {_MARKS}",
    ),
    Entry(
        "learned",
        "learned.learned",
        ("summary",),
        "in-language",
        "learned",
        "Learned step and forgetting of each language and task, the earliest learned languages on "
        "top. Open circles are the plain form, full ones the form corrected for step 0; a long "
        "bar between them means that the plain form owes much to what the untrained model scores. "
        "A forgetting of more than 100 %, a last score below step 0, is drawn at 100.",
    ),
    Entry(
        "layers",
        "layers.layers",
        ("scores",),
        "probes",
        "layers",
        "In-language accuracy by layer and step, the mean over languages; each task has its own "
        "colours. A dot marks the best layer of each step; layer 0 is the embedding output.",
    ),
    Entry(
        "movement",
        "movement.movement",
        ("movement",),
        "layers",
        "layers",
        "Where in the model a task is solved best, over pretraining: above, the layer with the "
        "best score; below, the centre of mass of the gains over step 0. Lines are medians over "
        "languages (in-language) or over pairs of languages (across), bands their middle halves. "
        "A line that sinks says that knowledge moves towards lower layers.",
    ),
    Entry(
        "last_layer",
        "movement.last_layer",
        ("movement",),
        "layers",
        "layers",
        "The last layer beside the best one, means over languages or over pairs of them. Where "
        "the shaded gap opens late in pretraining, the last layer loses what lower layers keep.",
    ),
    Entry(
        "layers_by_language_{task}",
        "layers.layers_by_language",
        ("scores",),
        "probes",
        "languages",
        "Accuracy by layer and step, language by language: {task}. One colour scale for all "
        "languages; a dot marks the best layer of each step.",
    ),
    Entry(
        "transfer_{task}",
        "transfer.transfer",
        ("summary", "best_sources"),
        "transfer",
        "across",
        f"{{task}} across languages. {_MATRIX}; languages stand by family. Best score over the "
        "run, learned step and forgetting, both corrected for step 0, each at every step with the "
        "layer that is best on the target's dev part. Framed cells are in-language, a dot marks "
        "the best source of each target.",
    ),
    Entry(
        "transfer_curves_{task}",
        "transfer_curves.transfer_curves",
        ("scores",),
        "transfer",
        "across",
        "{task} across languages, over pretraining: one panel a target and one line a source, the "
        "target's own in black; with many languages one panel a source, with the median and the "
        "middle half of its targets. Lines that still rise where the black one is flat say that "
        "transfer is learned later than the language itself.",
    ),
    Entry(
        "transfer_layers_{task}",
        "transfer_layers.scores",
        ("summary",),
        "transfer",
        "across_layers",
        f"{{task}} across languages, layer by layer: best score over the run. {_MATRIX}. One "
        "colour scale for all layers.",
    ),
    Entry(
        "learned_layers_{task}",
        "transfer_layers.learned_steps",
        ("summary",),
        "transfer",
        "across_layers",
        f"{{task}} across languages, layer by layer: learned step, corrected. {_MATRIX}. One "
        "colour scale for all layers; hatched: never above step 0.",
    ),
    Entry(
        "forgetting_layers_{task}",
        "transfer_layers.forgetting",
        ("summary",),
        "transfer",
        "across_layers",
        f"{{task}} across languages, layer by layer: forgetting, corrected. {_MATRIX}. One "
        "colour scale for all layers; hatched: never above step 0.",
    ),
    Entry(
        "asymmetry",
        "asymmetry.asymmetry",
        ("asymmetry",),
        "transfer",
        "across",
        "Is transfer mutual? A point is a pair of languages a–b: the number from source a to "
        "target b on the horizontal axis, from b to a on the vertical one. On the diagonal both "
        "are equal; the most asymmetric pairs are named. In the learned steps a larger point "
        "stands for more pairs.",
    ),
    Entry(
        "layers_across",
        "layers.layers_across",
        ("scores",),
        "transfer",
        "across",
        "Accuracy of transfer by layer and step, the mean over all pairs of two languages; each "
        "task has its own colours. A dot marks the best layer of each step. To compare with the "
        "in-language figure above.",
    ),
    Entry(
        "alignment",
        "alignment.alignment",
        ("scores",),
        "pairs",
        "alignment",
        "Word alignment by similarity of word vectors, without training. Left: F1 of the best "
        "layer at each step against the gold links (the layer is chosen by F1 itself, as there is "
        "no dev part). Right: F1 by layer and step, the mean over the pairs of languages; a dot "
        "marks the best layer of each step.",
    ),
    Entry(
        "correlates",
        "correlates.correlates",
        ("correlates",),
        "experiment",
        "why",
        "Spearman's rank correlation of properties of languages (above) and of pairs of languages "
        "(below) with what was measured, of the best layer. Of bits per character and learned "
        "steps less is better. Bold and starred: p < 0.05 in a permutation test, not corrected "
        "for the number of tests.",
    ),
    Entry(
        "losses",
        "losses.losses",
        ("losses",),
        "pretraining",
        "losses",
        "Pretraining loss on training text (all languages mixed) and on the held-out text of each "
        "language. Bits per masked token depend on how the tokenizer cuts a language, so compare "
        "a language with itself over steps, not with another.",
    ),
)
