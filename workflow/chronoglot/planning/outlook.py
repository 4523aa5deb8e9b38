"""What a configuration comes to, before anything is run."""

from chronoglot.planning.experiment import Plan


def outlook(plan: Plan) -> list[str]:
    """Lines: the size of the experiment, its jobs by stage, and what has no part in it."""
    settings, tuples = plan.settings, plan.tuples
    steps = len(plan.steps)
    models = steps * len(plan.layers)
    tables = {
        "texts": len(plan.with_text),
        "treebanks": len(plan.with_treebank),
        "sets of sentence pairs": sum(map(plan.inputs.has_pairs, plan.languages)),
        "gold alignments": len(settings.alignment.gold) if "alignment" in settings.tasks else 0,
    }
    jobs = {
        "pretraining": len(plan.schedule.segments) if settings.pretraining else 0,
        "probing": models * sum(map(len, tuples.probes.values())),
        "transfer": models * sum(map(len, tuples.transfer.values())),
        "bits per character": steps * len(tuples.texts),
        "word alignment": steps * len(tuples.alignments),
    }
    return [
        f"languages: {', '.join(plan.languages)}",
        f"tasks: {', '.join(settings.tasks)}",
        f"data: {_counted(tables)}",
        f"checkpoints: {steps}, from {plan.run.kind} (steps {_shortened(plan.steps)})",
        f"layers: {_shortened(plan.layers)}",
        f"scores: {tuples.number:,}",
        f"jobs: {_counted(jobs)}",
        *plan.absences,
    ]


def _counted(numbers: dict[str, int]) -> str:
    return ", ".join(f"{what} {number:,}" for what, number in numbers.items() if number)


def _shortened(numbers: list[int]) -> str:
    shown = [str(number) for number in numbers]
    return ", ".join(shown if len(shown) <= 12 else [*shown[:8], "…", *shown[-2:]])
