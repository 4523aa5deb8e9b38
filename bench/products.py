"""Products of matrices, as models make them: torch as it is, and with oneDNN."""

from bench.benchmark import Case, Competitor, Options, Outcome, Run

# Rows, inputs and outputs: the feed-forward maps of XLM-R base and of the default experiment.
SHAPES = {"XLM-R base": (1024, 768, 3072), "default experiment": (512, 128, 512)}


def cases(options: Options) -> list[Case]:
    """On a processor in single precision, which is where torch's choice of library matters."""
    if options.device != "cpu" or options.precision != "fp32":
        return []
    return [_case(options, name, *shape) for name, shape in SHAPES.items()]


def _case(options: Options, name: str, rows: int, inputs: int, outputs: int) -> Case:
    number = max(1, int((2e11 if options.full else 1e9) / (2 * rows * inputs * outputs)))
    arguments = {"shape": (rows, inputs, outputs), "number": number, "threads": options.threads}
    competitors = [
        Competitor("oneDNN", multiply, arguments | {"onednn": True}),
        Competitor("torch as it is", multiply, arguments | {"onednn": False}),
    ]
    size = f"{rows:,} rows by a map from {inputs} to {outputs:,}, {number:,} times"
    return Case(name, size, "GFLOP", competitors)


def multiply(shape: tuple[int, int, int], number: int, threads: int, onednn: bool) -> Run:
    """The same product again and again."""
    import torch
    from chronoglot.runtime.changes.torch import replace_products
    from torch.nn.functional import linear

    torch.set_num_threads(threads)
    rows, inputs, outputs = shape
    generator = torch.Generator().manual_seed(0)
    state = torch.randn(rows, inputs, generator=generator)
    weights = torch.randn(outputs, inputs, generator=generator)
    library = replace_products() if onednn else None

    @torch.inference_mode()
    def run() -> Outcome:
        for _ in range(number):
            product = linear(state, weights)
        return Outcome(2e-9 * rows * inputs * outputs * number, result=lambda: product)

    # What replaces torch's products lasts as long as what it is kept by.
    run.library = library  # type: ignore[attr-defined]
    return run
