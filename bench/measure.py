"""Times of competitors that take turns, so that what disturbs the machine hits all alike."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median

from bench.benchmark import Absent, Case, Competitor, Options
from bench.rows import Row
from bench.worker import Failed, Sample, Worker

Say = Callable[[str], None]


def measure(benchmark: str, case: Case, options: Options, say: Say) -> list[Row]:
    """A row a competitor; `say` is told of those that could not be run.

    Each is warmed up, then all run in turn, `options.repeats` times. Those that run `once` come
    after the others have left the machine.
    """
    samples: dict[str, list[Sample]] = {}
    turns = [each for each in case.competitors if not each.once]
    with _workers(turns, options, say) as workers:
        for number in range(1 + options.repeats):  # the first is to warm up
            for name, sample in _round(workers, say):
                if number:
                    samples.setdefault(name, []).append(sample)
    for competitor in case.competitors:
        if competitor.once:
            with _workers([competitor], options, say) as workers:
                samples |= {name: [sample] for name, sample in _round(workers, say)}
    first = samples.get(case.competitors[0].name)
    return [
        _row(benchmark, case, each.name, samples[each.name], first)
        for each in case.competitors
        if each.name in samples
    ]


@contextmanager
def _workers(
    competitors: Sequence[Competitor], options: Options, say: Say
) -> Iterator[dict[str, Worker]]:
    """Those that could be prepared, by name."""
    workers = {each.name: Worker(each, options.threads) for each in competitors}
    try:
        for name, worker in list(workers.items()):
            try:
                worker.ready()
            except (Absent, Failed) as error:
                say(f"{name}: left out: {error}")
                workers.pop(name).stop()
        yield workers
    finally:
        for worker in workers.values():
            worker.stop()


def _round(workers: dict[str, Worker], say: Say) -> Iterator[tuple[str, Sample]]:
    """A run of each; one that fails has no further turn."""
    for name, worker in list(workers.items()):
        try:
            yield name, worker.sample()
        except Failed as error:
            say(f"{name}: failed: {error}")
            workers.pop(name).stop()


def _row(
    benchmark: str, case: Case, name: str, samples: list[Sample], first: list[Sample] | None
) -> Row:
    return Row(
        benchmark=benchmark,
        case=case.name,
        size=case.size,
        competitor=name,
        unit=case.unit,
        per=case.per,
        repeats=len(samples),
        amount=samples[-1].amount,
        wall=median(sample.wall for sample in samples),
        cpu=median(sample.cpu for sample in samples),
        walls=[round(sample.wall, 4) for sample in samples],
        ratio=_ratio(first, samples) if first else None,
        memory=max(sample.memory for sample in samples),
        resident=max(sample.resident for sample in samples),
        gpu_memory=max(sample.gpu_memory for sample in samples),
        facts=samples[-1].facts,
    )


def _ratio(first: list[Sample], other: list[Sample]) -> float:
    """How many times as fast the first is: the median over rounds where both ran in each."""
    if len(first) != len(other):
        return median(map(_pace, other)) / median(map(_pace, first))
    return median(_pace(b) / _pace(a) for a, b in zip(first, other, strict=True))


def _pace(sample: Sample) -> float:
    return sample.wall / sample.amount
