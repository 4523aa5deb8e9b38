# Requires: the sources of datasets on the web (workflow/chronoglot/data/fetch/datasets.csv)
# Makes:    <downloads>/archives/, and from them <downloads>/<dataset>/, for all experiments
# Steps:    download an archive, unpack what is asked for; or stream the beginning of a text.
# All run where Snakemake runs: compute nodes often reach nothing outside.

FETCHED = PLAN.downloads.folder


rule archive:
    output:
        f"{FETCHED}/archives/{{dataset}}{{suffix}}",
    log:
        f"{FETCHED}/logs/archive/{{dataset}}{{suffix}}.log",
    wildcard_constraints:
        suffix=r"\.zip|\.tar\.gz",
    priority: 300
    localrule: True
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime=600,
        downloads=1,
    # Functions of the input, which leave no record: from another mirror it is the same file.
    params:
        source=lambda wildcards, input: PLAN.downloads.options(wildcards.dataset),
    message:
        "download {wildcards.dataset}"
    shell:
        "python -m chronoglot fetch-file {params.source} --output {output:q} 2>&1"
        " | tee {log:q}"


# All at once, since an archive of a release is read from its beginning to its end. What is there
# already is no output, so that a further treebank touches no other.
if PLAN.downloads.missing_treebanks:

    rule treebanks:
        input:
            ancient(PLAN.downloads.archive(SETTINGS.downloads.treebanks)),
        output:
            [directory(folder) for folder in PLAN.downloads.missing_treebanks],
        log:
            f"{FETCHED}/logs/treebanks.log",
        priority: 300
        localrule: True
        conda:
            "../../envs/chronoglot.yaml"
        threads: 1
        resources:
            mem_mb=1_000,
            runtime=60,
        params:
            folder=f"{FETCHED}/{SETTINGS.downloads.treebanks}",
            names=[folder.name for folder in PLAN.downloads.missing_treebanks],
        message:
            "unpack the treebanks"
        shell:
            "python -m chronoglot unpack {input:q} {params.names:q}"
            " --folder {params.folder:q} > {log:q} 2>&1"


rule unpack:
    input:
        lambda wildcards: ancient(str(PLAN.downloads.archive(wildcards.dataset))),
    output:
        f"{FETCHED}/{{dataset}}/{{file}}.tsv",
    log:
        f"{FETCHED}/logs/unpack/{{dataset}}/{{file}}.log",
    priority: 300
    localrule: True
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime=30,
    params:
        folder=f"{FETCHED}/{{dataset}}",
    message:
        "unpack {wildcards.file}.tsv of {wildcards.dataset}"
    shell:
        "python -m chronoglot unpack {input:q} {wildcards.file}.tsv"
        f" --folder {FETCHED}/{{wildcards.dataset}} > {{log:q}} 2>&1"


rule gold:
    input:
        lambda wildcards: ancient(str(PLAN.downloads.archive(wildcards.dataset))),
    output:
        f"{FETCHED}/{{dataset}}/sentences.txt",
        f"{FETCHED}/{{dataset}}/gold.txt",
    log:
        f"{FETCHED}/logs/gold/{{dataset}}.log",
    priority: 300
    localrule: True
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime=30,
    message:
        "unpack the gold alignment {wildcards.dataset}"
    shell:
        "python -m chronoglot gold {wildcards.dataset} {input:q}"
        f" --folder {FETCHED}/{{wildcards.dataset}} > {{log:q}} 2>&1"


rule fetch_text:
    output:
        f"{FETCHED}/{{dataset}}/{{code}}.{{characters}}.txt.xz",
    log:
        f"{FETCHED}/logs/fetch_text/{{dataset}}/{{code}}.{{characters}}.log",
    wildcard_constraints:
        characters=r"\d+",
    priority: 300
    localrule: True
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime=600,
        downloads=1,
    params:
        url=lambda wildcards, input: PLAN.downloads.url(
            wildcards.dataset, wildcards.code
        ),
    message:
        "fetch the beginning of the text of {wildcards.code} in {wildcards.dataset}"
    shell:
        "python -m chronoglot fetch-text {params.url:q} --output {output:q}"
        " --max-characters {wildcards.characters} 2>&1 | tee {log:q}"


rule fetch_file:
    output:
        f"{FETCHED}/{{dataset}}/{{file}}.model",
    log:
        f"{FETCHED}/logs/fetch_file/{{dataset}}/{{file}}.log",
    localrule: True
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime=60,
        downloads=1,
    params:
        source=lambda wildcards, input: PLAN.downloads.options(wildcards.dataset),
    message:
        "download {wildcards.dataset}"
    shell:
        "python -m chronoglot fetch-file {params.source} --output {output:q} 2>&1"
        " | tee {log:q}"
