# Requires: the tables, tables/*.parquet
# Makes:    figures/<figure>.{png,pdf} and report.html
# Steps:    draw each figure, then put everything on one page.


rule figure:
    input:
        lambda wildcards: [
            f"{RESULTS}/tables/{table}.parquet"
            for table in figure_tables(wildcards.figure)
        ],
    output:
        png=f"{RESULTS}/figures/{{figure}}.png",
        pdf=f"{RESULTS}/figures/{{figure}}.pdf",
    log:
        f"{RESULTS}/logs/figure/{{figure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure/{{figure}}.tsv"
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=8_000,
        runtime=30,
    params:
        languages=PLAN.described_languages,
    message:
        "draw the figure {wildcards.figure}"
    shell:
        f"python -m chronoglot figure {{wildcards.figure}} --tables {RESULTS}/tables"
        " --languages {params.languages:q} --png {output.png} > {log} 2>&1"


rule figures:
    input:
        expand(
            f"{RESULTS}/figures/{{figure}}.{{format}}",
            figure=PLAN.figures,
            format=["png", "pdf"],
        ),


rule report:
    input:
        tables=rules.tables.input,
        conversion=f"{RESULTS}/checkpoints/step-{PLAN.steps[-1]}/conversion.json",
        model=f"{RESULTS}/checkpoints/step-{PLAN.steps[-1]}/model/model.safetensors",
        figures=expand(f"{RESULTS}/figures/{{figure}}.png", figure=PLAN.figures),
        pdfs=expand(f"{RESULTS}/figures/{{figure}}.pdf", figure=PLAN.figures),
    output:
        f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=8_000,
        runtime=30,
    params:
        # A function, since the settings may hold braces.
        settings=lambda wildcards: PLAN.resolved,
        languages=PLAN.described_languages,
    message:
        "write the report"
    shell:
        "python -m chronoglot report {input.figures} --model {input.model}"
        f" --tables {RESULTS}/tables --benchmarks {RESULTS}/benchmarks"
        " --settings {params.settings:q} --languages {params.languages:q}"
        " --report {output} > {log} 2>&1"
