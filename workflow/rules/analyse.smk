# Requires: probes/step-<step>/layer-<layer>/<language>/<task>.json
# Makes:    tables/{scores,summary}.{parquet,csv}
# Steps:    collect the scores of all tuples, then what was learned when, and forgotten.


rule scores:
    input:
        PLAN.probes(RESULTS),
    output:
        parquet=f"{RESULTS}/tables/scores.parquet",
        csv=f"{RESULTS}/tables/scores.csv",
    log:
        f"{RESULTS}/logs/scores.log",
    benchmark:
        f"{RESULTS}/benchmarks/scores.tsv"
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=4_000,
        runtime=30,
    params:
        run=SETTINGS.experiment,
        # The same files as `input`, short enough for a command line whatever their number.
        tuples=PLAN.tuples,
    message:
        "collect the scores"
    shell:
        f"python -m chronoglot scores {RESULTS}/probes"
        " --tuples {params.tuples:q} --run {params.run}"
        " --parquet {output.parquet} --csv {output.csv} > {log} 2>&1"


rule summary:
    input:
        rules.scores.output.parquet,
    output:
        parquet=f"{RESULTS}/tables/summary.parquet",
        csv=f"{RESULTS}/tables/summary.csv",
    log:
        f"{RESULTS}/logs/summary.log",
    benchmark:
        f"{RESULTS}/benchmarks/summary.tsv"
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=4_000,
        runtime=30,
    params:
        share=SETTINGS.analysis.learned_share,
    message:
        "analyse what was learned when"
    shell:
        "python -m chronoglot summary {input} --learned-share {params.share}"
        " --parquet {output.parquet} --csv {output.csv} > {log} 2>&1"


rule tables:
    input:
        rules.scores.output,
        rules.summary.output,
        rules.losses.output,
