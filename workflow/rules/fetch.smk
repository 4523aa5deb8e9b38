# Requires: the sources of datasets on the web (workflow/chronoglot/data/fetch/datasets.csv)
# Makes:    <downloads>/archives/, and from them <downloads>/<dataset>/, for all experiments
# Steps:    fetch an archive, a file or the beginning of a text; unpack what is asked for.
# All run where Snakemake runs: compute nodes often reach nothing outside. What is there already is
# no rule's output, so that nothing, a newer version of these rules included, fetches it again.

FETCHED = PLAN.downloads.folder


rule fetch:
    output:
        f"{FETCHED}/{{file}}",
    log:
        f"{FETCHED}/logs/fetch/{{file}}.log",
    wildcard_constraints:
        file=PLAN.downloads.any_of(need.path for need in PLAN.downloads.missing),
    priority: 300
    localrule: True
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(1_000),
        runtime=growing(600),
        downloads=1,
    params:
        command=lambda wildcards, output: PLAN.downloads.command(output[0]),
    message:
        "fetch {wildcards.file}"
    shell:
        "python -m chronoglot {params.command} --output {output:q} 2>&1 | tee {log:q}"


# All at once, since an archive of a release is read from its beginning to its end.
if PLAN.downloads.missing_treebanks:

    rule treebanks:
        input:
            PLAN.downloads.archive(SETTINGS.downloads.treebanks),
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
            mem_mb=growing(1_000),
            runtime=growing(60),
        params:
            folder=FETCHED / SETTINGS.downloads.treebanks,
            names=[folder.name for folder in PLAN.downloads.missing_treebanks],
            sum=PLAN.downloads.known_sum(SETTINGS.downloads.treebanks),
        message:
            "unpack the treebanks"
        shell:
            "python -m chronoglot unpack {input:q} {params.names:q}"
            " --folder {params.folder:q} {params.sum} > {log:q} 2>&1"


rule unpack:
    input:
        lambda wildcards: PLAN.downloads.archive(Path(wildcards.file).parts[0]),
    output:
        f"{FETCHED}/{{file}}",
    log:
        f"{FETCHED}/logs/unpack/{{file}}.log",
    wildcard_constraints:
        file=PLAN.downloads.any_of(PLAN.downloads.missing_members),
    priority: 300
    localrule: True
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(1_000),
        runtime=growing(30),
    params:
        folder=lambda wildcards: FETCHED / Path(wildcards.file).parts[0],
        member=lambda wildcards: Path(*Path(wildcards.file).parts[1:]),
        sum=lambda wildcards: PLAN.downloads.known_sum(Path(wildcards.file).parts[0]),
    message:
        "unpack {wildcards.file}"
    shell:
        "python -m chronoglot unpack {input:q} {params.member:q} --folder {params.folder:q}"
        " {params.sum} > {log:q} 2>&1"


rule gold:
    input:
        lambda wildcards: PLAN.downloads.archive(wildcards.dataset),
    output:
        f"{FETCHED}/{{dataset}}/sentences.txt",
        f"{FETCHED}/{{dataset}}/gold.txt",
    log:
        f"{FETCHED}/logs/gold/{{dataset}}.log",
    wildcard_constraints:
        dataset=PLAN.downloads.any_of(PLAN.downloads.missing_gold),
    priority: 300
    localrule: True
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(1_000),
        runtime=growing(30),
    params:
        folder=lambda wildcards: FETCHED / wildcards.dataset,
        sum=lambda wildcards: PLAN.downloads.known_sum(wildcards.dataset),
    message:
        "unpack the gold alignment {wildcards.dataset}"
    shell:
        "python -m chronoglot gold {wildcards.dataset} {input:q} --folder {params.folder:q}"
        " {params.sum} > {log:q} 2>&1"


# To be asked for by name, where compute nodes or another machine are to find all data in place.
rule downloads:
    input:
        PLAN.downloads.files,
    localrule: True
