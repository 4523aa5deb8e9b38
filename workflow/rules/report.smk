# Requires: the tables, tables/*.parquet
# Makes:    figures/<figure>.{png,pdf} and report.html
# Steps:    draw each figure, list the data's licences, then put everything on one page.


rule figure:
    input:
        lambda wildcards: [
            f"{RESULTS}/tables/{table}.parquet"
            for table in figure_tables(wildcards.figure)
        ],
    output:
        png=report(
            f"{RESULTS}/figures/{{figure}}.png",
            caption="../report/figure.rst",
            category=lambda wildcards: group(wildcards.figure),
            labels={"figure": "{figure}"},
        ),
        pdf=f"{RESULTS}/figures/{{figure}}.pdf",
    log:
        f"{RESULTS}/logs/figure/{{figure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure/{{figure}}.tsv"
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(8_000),
        runtime=growing(30),
    params:
        # A function, since names may hold braces.
        languages=lambda wildcards: SETTINGS.described_languages,
        caption=lambda wildcards: placed(wildcards.figure)[1],
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


rule list_licences:
    input:
        PLAN.inputs.treebank_folders(),
    output:
        f"{RESULTS}/licences.json",
    log:
        f"{RESULTS}/logs/list_licences.log",
    localrule: True
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(1_000),
        runtime=growing(10),
    params:
        datasets=",".join(PLAN.inputs.datasets),
        table=(
            shlex.join(["--table", str(PLAN.downloads.table)])
            if PLAN.downloads.table
            else ""
        ),
    message:
        "list the licences of the data"
    shell:
        "python -m chronoglot list-licences {input:q} --datasets={params.datasets:q}"
        " {params.table} --output {output} > {log} 2>&1"


rule report:
    input:
        tables=rules.tables.input,
        conversion=PLAN.conversion,
        digest=f"{RESULTS}/checkpoints/step-{PLAN.steps[-1]}/digest.json",
        licences=f"{RESULTS}/licences.json",
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
        mem_mb=growing(8_000),
        runtime=growing(30),
    params:
        # Functions, since the settings may hold braces.
        settings=lambda wildcards: SETTINGS.resolved,
        languages=lambda wildcards: SETTINGS.described_languages,
        left_out=lambda wildcards: json.dumps(PLAN.run.left_out),
        step0="" if 0 in PLAN.run.published else "--step0-drawn",
    message:
        "write the report"
    shell:
        "python -m chronoglot report {input.figures} --digest {input.digest}"
        " --licences {input.licences} {params.step0}"
        f" --tables {RESULTS}/tables --benchmarks {RESULTS}/benchmarks"
        " --settings {params.settings:q} --languages {params.languages:q}"
        " --left-out {params.left_out:q} --report {output} > {log} 2>&1"
