# Requires: tables/{scores,summary,losses}.parquet
# Makes:    figures/<figure>.{png,pdf} and report.html
# Steps:    draw each figure, then put everything on one page.


rule figure:
    input:
        scores=rules.scores.output.parquet,
        summary=rules.summary.output.parquet,
        losses=rules.losses.output.parquet,
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
        mem_mb=2_000,
        runtime=30,
    params:
        languages=PLAN.described_languages,
    message:
        "draw the figure {wildcards.figure}"
    shell:
        "python -m chronoglot figure {wildcards.figure} --scores {input.scores}"
        " --summary {input.summary} --losses {input.losses} --languages {params.languages:q}"
        " --png {output.png} > {log} 2>&1"


rule figures:
    input:
        expand(
            f"{RESULTS}/figures/{{figure}}.{{format}}",
            figure=PLAN.figures,
            format=["png", "pdf"],
        ),


rule report:
    input:
        scores=rules.scores.output,
        summary=rules.summary.output,
        losses=rules.losses.output,
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
        mem_mb=2_000,
        runtime=30,
    params:
        settings=PLAN.resolved,
        languages=PLAN.described_languages,
    message:
        "write the report"
    shell:
        "python -m chronoglot report {input.figures} --scores {input.scores[0]}"
        " --summary {input.summary[0]} --losses {input.losses[0]} --model {input.model}"
        f" --benchmarks {RESULTS}/benchmarks"
        " --settings {params.settings:q} --languages {params.languages:q}"
        " --report {output} > {log} 2>&1"
