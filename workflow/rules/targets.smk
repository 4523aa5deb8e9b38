# Requires: the files of any stage
# Makes:    nothing of its own: names for what people ask for
# Steps:    `snakemake <language>`, `snakemake <task>`, `snakemake step_<step>` give the scores of
#           that part alone; `tables` and `figures` stand with the rules that make them.

TARGETS = {
    **{task.name: PLAN.tuples.only(task=task.name) for task in PLAN.tasks},
    **{f"step_{step}": PLAN.tuples.only(step=step) for step in PLAN.steps},
    **{code: PLAN.tuples.only(language=code) for code in PLAN.languages},
}

for name, tuples in TARGETS.items():

    rule:
        name:
            name
        input:
            tuples.files(RESULTS),
        localrule: True
