"""Training the probes of all layers: seconds, and how good the probes are."""

from pathlib import Path
from typing import Any

import numpy as np
from chronoglot.probing.reading import load_probing_task, read_items, read_vectors
from numpy.typing import NDArray

from bench import neurox, vectors
from bench.benchmark import Case, Competitor, Facts, Options, Outcome, Run

LAYERS = 13  # of XLM-R base, embeddings included
STRENGTH = 0.001  # λ, where one is asked for
STRENGTHS = (0.1, 0.01, 0.001)
EPOCHS, BATCH, LEARNING_RATE = 10, 32, 0.001  # of the loops with Adam, as NeuroX's are by default

# Predicted scores, up to a constant, from raw inputs: slopes [inputs, classes] and offsets.
Linear = tuple[NDArray, NDArray]


def cases(options: Options) -> list[Case]:
    """Parts of speech and relations at the size of EWT.

    What is measured is a layer or some, as all cost the same.
    """
    words = 200_000 if options.full else 2000
    return [_case(options, "pos", words), _case(options, "arc_classification", words)]


def _case(options: Options, task: str, words: int) -> Case:
    dimension, layers = (768, 3) if options.full else (24, 2)
    folder = options.cache / f"vectors-{words}-{dimension}"
    if not folder.exists():
        vectors.write(folder, words, words // 8, dimension, layers)
    common = {"folder": folder, "task": task}
    # An arc has three times the inputs, and takes minutes where a word takes seconds.
    slow = options.full and task != "pos"
    own = common | {"layers": 1 if slow else layers, "output": options.cache / "probes"}
    loop = common | {"device": options.device}
    installed = common | {"installed": neurox.folder(options)}
    competitors = [
        Competitor("Chronoglot, one λ", ours, own | {"strengths": (STRENGTH,)}),
        Competitor("Chronoglot, the best of three λ", ours, own | {"strengths": STRENGTHS}),
        Competitor("torch, Adam, batch 32, 10 epochs", adam, loop, once=options.full),
        Competitor("NeuroX 1.0.9", with_neurox, installed, once=options.full),
        Competitor("scikit-learn, lbfgs", scikit_learn, common, once=options.full),
    ]
    size = f"{words:,} training words, {dimension} dimensions"
    return Case(f"{task}, {words:,} words", size, "layers", competitors, per=LAYERS)


def ours(folder: Path, task: str, layers: int, output: Path, strengths: tuple[float, ...]) -> Run:
    """What the job does, reading and writing included; λ is chosen on dev."""
    from chronoglot.probing.probe import probe
    from chronoglot.probing.saved import load_probe

    probes = output / f"{task}-{len(strengths)}"

    def run() -> Outcome:
        probe(
            task,
            folder / "words.parquet",
            folder,
            step=0,
            layers=range(layers),
            language="qaa",
            seed=1,
            regularisation=strengths,
            probes=probes,
        )
        return Outcome(layers, facts, facts)

    def facts() -> Facts:
        saved = load_probe(probes / f"layer-0/qaa/{task}.npz")
        fitted = saved.probe
        slopes = (fitted.weights / fitted.scale).T.astype(np.float64)
        linear = slopes, fitted.bias - fitted.mean @ slopes
        return Data(folder, task).measure(linear, saved.regularisation)

    return run


def scikit_learn(folder: Path, task: str) -> Run:
    """scikit-learn's solver until it converges, with the same λ and inputs."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    data = Data(folder, task)

    def run() -> Outcome:
        inputs = data.inputs("train")
        scaler = StandardScaler(copy=False).fit(inputs)
        strength = 1 / (len(inputs) * STRENGTH)
        model = LogisticRegression(C=strength, max_iter=100_000).fit(
            scaler.transform(inputs), data.labels("train")
        )
        slopes = (model.coef_ / scaler.scale_).T

        def facts() -> Facts:
            offsets = model.intercept_ - scaler.mean_ @ slopes
            return data.measure((slopes, offsets), STRENGTH)

        return Outcome(1, facts, facts)

    return run


def adam(folder: Path, task: str, device: str) -> Run:
    """A plain loop of torch over the inputs as they are."""
    import torch
    from torch.nn.functional import cross_entropy

    data = Data(folder, task)

    def run() -> Outcome:
        torch.manual_seed(0)
        inputs = torch.from_numpy(data.inputs("train")).to(device)
        labels = torch.from_numpy(data.labels("train")).to(device)
        model = torch.nn.Linear(inputs.shape[1], len(data.classes)).to(device)
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
        for _ in range(EPOCHS):
            for chosen in torch.randperm(len(inputs), device=device).split(BATCH):
                optimizer.zero_grad()
                cross_entropy(model(inputs[chosen]), labels[chosen]).backward()
                optimizer.step()
        return _of_torch(model, data)

    return run


def with_neurox(folder: Path, task: str, installed: Path) -> Run:
    """NeuroX's linear probe with its defaults."""
    probing = neurox.load(installed, "interpretation.linear_probe")
    data = Data(folder, task)

    def run() -> Outcome:
        model = probing.train_logistic_regression_probe(data.inputs("train"), data.labels("train"))
        return _of_torch(model.linear, data)

    return run


def _of_torch(linear: Any, data: "Data") -> Outcome:
    def facts() -> Facts:
        slopes, offsets = (part.detach().cpu().double().numpy() for part in linear.parameters())
        return data.measure((slopes.T, offsets))

    return Outcome(1, facts, facts)


class Data:
    """The first layer's inputs and labels, as arrays, which is how other tools take them."""

    def __init__(self, folder: Path, task: str) -> None:
        self._task = load_probing_task(task)
        items = read_items(self._task, folder / "words.parquet")
        self._vectors = read_vectors(folder / "layer-0.npy", len(items))
        self._examples = {
            split: self._task.examples(items, split, 1) for split in ("train", "test")
        }
        self.classes = np.unique(self._examples["train"].label.astype(str))

    def inputs(self, split: str) -> NDArray[np.float32]:
        """Made anew, [examples, inputs]."""
        return self._task.inputs(self._vectors, self._examples[split])

    def labels(self, split: str) -> NDArray[np.intp]:
        """Numbers of classes; one that training lacks has the number past the last."""
        labels = self._examples[split].label.astype(str)
        numbers = np.searchsorted(self.classes, labels)
        known = self.classes[np.minimum(numbers, len(self.classes) - 1)] == labels
        return np.where(known, numbers, len(self.classes))

    def measure(self, linear: Linear, strength: float | None = None) -> Facts:
        """Accuracy on test, in percent, and mean negative log-likelihood on train.

        With `strength`, the λ that was asked for, also what is minimised under it: the latter and
        λ/2 times the squared norm of the slopes of standardised inputs.
        """
        slopes, _ = linear
        inputs, labels = self.inputs("train"), self.labels("train")
        scores = _scores(inputs, linear)
        scores -= scores.max(axis=1, keepdims=True)
        gold = scores[np.arange(len(labels)), labels]
        loss = float(np.mean(np.log(np.exp(scores).sum(axis=1)) - gold))
        right = _scores(self.inputs("test"), linear).argmax(axis=1) == self.labels("test")
        facts = {"test accuracy, %": 100 * float(right.mean()), "training loss": loss}
        if strength is not None:
            norm = float(np.sum((slopes * inputs.std(axis=0)[:, None]) ** 2))
            facts |= {"λ": strength, "with penalty": loss + strength / 2 * norm}
        return facts


def _scores(inputs: NDArray[np.float32], linear: Linear) -> NDArray[np.float64]:
    """In double precision, a block at a time."""
    slopes, offsets = linear
    blocks = [inputs[start : start + 8192] for start in range(0, len(inputs), 8192)]
    return np.concatenate([block @ slopes + offsets for block in blocks])
