# Requires: the languages' text, treebanks, sentence pairs and gold alignments, or parameters of
#           in-vitro languages.
# Makes:    data/text/<language>/{train,heldout}.txt and tables: of words, data/words/<language>,
#           of sentence pairs, data/pairs/<language>, of gold links, data/parallel/<a>-<b>;
#           data/checked/: numbers of examples of the tasks, and sizes of what bpc is measured on
# Steps:    invent (in vitro only), then read, check and split each.


rule in_vitro:
    output:
        text=f"{RESULTS}/data/in_vitro/{{language}}/text.txt",
        treebank=expand(
            f"{RESULTS}/data/in_vitro/{{{{language}}}}/{{{{language}}}}_invitro-ud-{{part}}.conllu",
            part=["train", "dev", "test"],
        ),
        pairs=expand(
            f"{RESULTS}/data/in_vitro/{{{{language}}}}/xnli.{{part}}.tsv",
            part=["train", "dev", "test"],
        ),
    log:
        f"{RESULTS}/logs/in_vitro/{{language}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/in_vitro/{{language}}.tsv"
    priority: 200  # a mistake in the data is found before anything is trained
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(1_000),
        runtime=growing(30),
    params:
        typology=lambda wildcards: PLAN.inputs.typology(wildcards.language),
        generator=SETTINGS.in_vitro.model_dump_json(),
        seed=SETTINGS.seed,
    message:
        "invent language {wildcards.language}"
    shell:
        "python -m chronoglot in-vitro {wildcards.language} --typology {params.typology:q}"
        " --generator {params.generator:q} --seed {params.seed} --text {output.text}"
        " > {log} 2>&1"


rule in_vitro_parallel:
    output:
        sentences=f"{RESULTS}/data/in_vitro/parallel/{{source}}-{{target}}/sentences.txt",
        gold=f"{RESULTS}/data/in_vitro/parallel/{{source}}-{{target}}/gold.txt",
    log:
        f"{RESULTS}/logs/in_vitro_parallel/{{source}}-{{target}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/in_vitro_parallel/{{source}}-{{target}}.tsv"
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(1_000),
        runtime=growing(30),
    params:
        source=lambda wildcards: PLAN.inputs.typology(wildcards.source),
        target=lambda wildcards: PLAN.inputs.typology(wildcards.target),
        generator=SETTINGS.in_vitro.model_dump_json(),
        seed=SETTINGS.seed,
    message:
        "translate between {wildcards.source} and {wildcards.target}"
    shell:
        "python -m chronoglot in-vitro-parallel {wildcards.source} {wildcards.target}"
        " --source-typology {params.source:q} --target-typology {params.target:q}"
        " --generator {params.generator:q} --seed {params.seed} --sentences {output.sentences}"
        " > {log} 2>&1"


rule text:
    input:
        lambda wildcards: PLAN.inputs.text_files(wildcards.language),
    output:
        train=f"{RESULTS}/data/text/{{language}}/train.txt",
        heldout=f"{RESULTS}/data/text/{{language}}/heldout.txt",
    log:
        f"{RESULTS}/logs/text/{{language}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/text/{{language}}.tsv"
    priority: 200  # a mistake in the data is found before anything is trained
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(4_000),
        runtime=growing(120),
    params:
        format=lambda wildcards: PLAN.inputs.text_format(wildcards.language),
        heldout_share=PLAN.heldout_share,
        limit=(
            f"--max-characters {SETTINGS.data.max_characters}"
            if SETTINGS.data.max_characters
            else ""
        ),
    message:
        "read the text of {wildcards.language}"
    shell:
        "python -m chronoglot text {input:q} --format {params.format}"
        " --heldout-share {params.heldout_share} {params.limit}"
        " --train {output.train} --heldout {output.heldout} > {log} 2>&1"


rule words:
    input:
        lambda wildcards: PLAN.inputs.treebank_files(wildcards.language),
    output:
        f"{RESULTS}/data/words/{{language}}.parquet",
    log:
        f"{RESULTS}/logs/words/{{language}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/words/{{language}}.tsv"
    priority: 200  # a mistake in the data is found before anything is trained
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.limits.files(
            lambda wildcards: PLAN.inputs.treebank_files(wildcards.language),
            copies=20,
        ),
        runtime=growing(30),
    params:
        split=lambda wildcards: PLAN.inputs.treebank_split(wildcards.language),
        limit=(
            f"--max-train-words {SETTINGS.data.max_train_words}"
            if SETTINGS.data.max_train_words
            else ""
        ),
    message:
        "read the treebank of {wildcards.language}"
    shell:
        "python -m chronoglot words {wildcards.language} {input:q} {params.split} {params.limit}"
        " --words {output} > {log} 2>&1"


rule pairs:
    input:
        lambda wildcards: PLAN.inputs.pair_files(wildcards.language).values(),
    output:
        f"{RESULTS}/data/pairs/{{language}}.parquet",
    log:
        f"{RESULTS}/logs/pairs/{{language}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/pairs/{{language}}.tsv"
    priority: 200  # a mistake in the data is found before anything is trained
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.limits.files(
            lambda wildcards: PLAN.inputs.pair_files(wildcards.language).values(),
            copies=10,
        ),
        runtime=growing(30),
    params:
        files=lambda wildcards: shlex.join(
            f"--{split}={path}"
            for split, path in PLAN.inputs.pair_files(wildcards.language).items()
        ),
        limit=(
            f"--max-train {SETTINGS.data.max_train_pairs}"
            if SETTINGS.data.max_train_pairs
            else ""
        ),
    message:
        "read the sentence pairs of {wildcards.language}"
    shell:
        "python -m chronoglot pairs {wildcards.language} {params.files} {params.limit}"
        " --pairs {output} > {log} 2>&1"


# What a task lacks in a table is told before anything is trained, taken or run: these jobs are
# cheap and come first, and what runs a checkpoint waits for them. It takes them as `ancient`, so
# that a task more runs nothing of the others again.
rule check_data:
    input:
        f"{RESULTS}/data/{{data}}/{{language}}.parquet",
    output:
        f"{RESULTS}/data/checked/{{data}}/{{language}}.json",
    log:
        f"{RESULTS}/logs/check_data/{{data}}/{{language}}.log",
    priority: 200
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(2_000),
        runtime=growing(30),
    params:
        tasks=lambda wildcards: ",".join(PLAN.checks.tasks_on(wildcards.data)),
        splits=lambda wildcards: ",".join(PLAN.checks.splits(**wildcards)),
        seed=SETTINGS.seed,
    message:
        "check the {wildcards.data} of {wildcards.language}"
    shell:
        "python -m chronoglot check-data {input} --language {wildcards.language}"
        " --tasks {params.tasks} --splits {params.splits} --seed {params.seed}"
        " --output {output} > {log} 2>&1"


rule check_text:
    input:
        rules.text.output.heldout,
    output:
        f"{RESULTS}/data/checked/text/{{language}}.json",
    log:
        f"{RESULTS}/logs/check_data/text/{{language}}.log",
    priority: 200
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(1_000),
        runtime=growing(30),
    params:
        limit=(
            f"--max-characters {SETTINGS.data.max_bpc_characters}"
            if SETTINGS.data.max_bpc_characters
            else ""
        ),
    message:
        "check the text of {wildcards.language}"
    shell:
        "python -m chronoglot check-text {input} {params.limit} --output {output} > {log} 2>&1"


rule parallel:
    input:
        lambda wildcards: PLAN.inputs.alignment_files(
            f"{wildcards.source}-{wildcards.target}"
        ),
    output:
        f"{RESULTS}/data/parallel/{{source}}-{{target}}.parquet",
    log:
        f"{RESULTS}/logs/parallel/{{source}}-{{target}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/parallel/{{source}}-{{target}}.tsv"
    priority: 200  # a mistake in the data is found before anything is trained
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(2_000),
        runtime=growing(30),
    params:
        folder=lambda wildcards, input: Path(input[0]).parent,
    message:
        "read the gold alignment of {wildcards.source} and {wildcards.target}"
    shell:
        "python -m chronoglot parallel {params.folder:q} --parallel {output} > {log} 2>&1"
