# Requires: the files of any stage
# Makes:    nothing of its own: names for what people ask for
# Steps:    `snakemake <language>`, `snakemake <task>`, `snakemake step_<step>` give the scores of
#           that part alone; `tables` and `figures` stand with the rules that make them.

for name, tuples in PLAN.targets.items():

    rule:
        name:
            name
        input:
            tuples.files(RESULTS),
        localrule: True
