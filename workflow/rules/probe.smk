# Requires: vectors/step-<step>/<language>/{words,pairs}/<settings>/layer-<layer>.npy, the table of
#           their rows, and data/parallel/<source>-<target>.parquet
# Makes:    probes/step-<step>/layer-<layer>/<language>/<task>.{json,parquet,npz},
#           transfer/step-<step>/layer-<layer>/<language>/<task>.json,
#           bpc/step-<step>/<language>.json, alignment/step-<step>/<source>-<target>.json
# Steps:    train a probe of every (checkpoint, layer, language, task): fit on train, choose on dev,
#           score on test; score the probes of other languages; measure what needs no probe.


# A rule for tuples, with the layer as a wildcard; where a job takes more layers than one, which makes
# fewer jobs of a large study, a rule for each batch of them. The files are the same.
PROBES = f"{RESULTS}/probes/step-{{step}}/layer-{{layer}}"
TRANSFER = (
    f"{RESULTS}/transfer/step-{{step}}/layer-{{layer}}/{{language}}/{{task}}.json"
)


# One file that stands for the probes of many sources: named one by one by each target's transfer, they
# would be most of a large study's inputs.
rule sources:
    input:
        lambda wildcards: PLAN.source_probes(wildcards),
    output:
        touch(f"{PROBES}/{{task}}.sources"),
    localrule: True
    message:
        "all probes of {wildcards.task} that are transferred, layer {wildcards.layer}, step {wildcards.step}"


for batch in PLAN.batches:

    rule:
        name:
            f"probe{batch.suffix}"
        input:
            vectors=lambda wildcards, batch=batch: ancient(
                PLAN.vectors(wildcards, batch)
            ),
            table=lambda wildcards: PLAN.table(wildcards.language, wildcards.task),
            model=MODEL,
        output:
            [
                f"{folder}/{{language}}/{{task}}.{ending}"
                for folder in batch.paths(PROBES)
                for ending in ("json", "parquet", "npz")
            ],
        log:
            f"{RESULTS}/logs/probe/step-{{step}}/{batch.log}/{{language}}/{{task}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/probe/step-{{step}}/{batch.log}/{{language}}/{{task}}.tsv"
        priority: 20
        conda:
            "../../envs/chronoglot.yaml"
        threads: 1
        resources:
            mem_mb=PLAN.limits.probe(),
            runtime=PLAN.limits.probe_minutes(batch.size),
        params:
            # Functions of the input leave no record: jobs may take more layers, or fewer, another time.
            layers=lambda wildcards, input, batch=batch: batch.listed(wildcards),
            vectors=lambda wildcards, input: Path(input.vectors[0]).parent,
            regularisation=",".join(map(str, SETTINGS.probing.regularisation)),
            seed=SETTINGS.seed,
            encoding=lambda wildcards: PLAN.encoding_options(
                PLAN.data_of(wildcards.task)
            ),
            code=lambda wildcards: task_code(wildcards.task),
        message:
            "probe {wildcards.task} of {wildcards.language} at step {wildcards.step}, layer {params.layers}"
        shell:
            "python -m chronoglot probe {wildcards.task} --step {wildcards.step}"
            " --layers {params.layers} --language {wildcards.language} --vectors {params.vectors}"
            " --table {input.table} --model {input.model} {params.encoding}"
            " --regularisation {params.regularisation} --seed {params.seed}"
            f" --probes {RESULTS}/probes/step-{{wildcards.step}}"
            " > {log} 2>&1"

    rule:
        name:
            f"transfer{batch.suffix}"
        input:
            vectors=lambda wildcards, batch=batch: ancient(
                PLAN.vectors(wildcards, batch)
            ),
            table=lambda wildcards: PLAN.table(wildcards.language, wildcards.task),
            model=MODEL,
            probes=lambda wildcards, batch=batch: PLAN.transferred(wildcards, batch),
        output:
            batch.paths(TRANSFER),
        log:
            f"{RESULTS}/logs/transfer/step-{{step}}/{batch.log}/{{language}}/{{task}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/transfer/step-{{step}}/{batch.log}/{{language}}/{{task}}.tsv"
        priority: 30
        conda:
            "../../envs/chronoglot.yaml"
        threads: 1
        resources:
            mem_mb=PLAN.limits.probe(),
            runtime=PLAN.limits.probe_minutes(batch.size),
        params:
            layers=lambda wildcards, input, batch=batch: batch.listed(wildcards),
            vectors=lambda wildcards, input: Path(input.vectors[0]).parent,
            sources=lambda wildcards: ",".join(
                PLAN.transfer_sources(wildcards.task, wildcards.language)
            ),
            seed=SETTINGS.seed,
            encoding=lambda wildcards: PLAN.encoding_options(
                PLAN.data_of(wildcards.task)
            ),
            code=lambda wildcards: task_code(wildcards.task),
        message:
            "score the probes of {wildcards.task} on {wildcards.language} at step {wildcards.step}, layer {params.layers}"
        shell:
            "python -m chronoglot transfer {wildcards.task} --step {wildcards.step}"
            " --layers {params.layers} --sources {params.sources} --target {wildcards.language}"
            " --vectors {params.vectors} --table {input.table} --model {input.model}"
            " {params.encoding} --seed {params.seed}"
            f" --probes {RESULTS}/probes/step-{{wildcards.step}}"
            f" --scores {RESULTS}/transfer/step-{{wildcards.step}}"
            " > {log} 2>&1"


rule bits:
    input:
        model=MODEL,
        verdict=ancient(PLAN.verdict),
        gpu=ancient(PLAN.checks.gpu("encoding")),
        checked=ancient(f"{RESULTS}/data/checked/text/{{language}}.json"),
        heldout=rules.text.output.heldout,
    output:
        f"{RESULTS}/bpc/step-{{step}}/{{language}}.json",
    log:
        f"{RESULTS}/logs/bits/step-{{step}}/{{language}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/bits/step-{{step}}/{{language}}.tsv"
    priority: 20
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.limits.bits(),
        runtime=PLAN.limits.bits_minutes(),
        gpu=1 if SETTINGS.encoding.device == "cuda" else 0,
    params:
        limit=(
            f"--max-characters {SETTINGS.data.max_bpc_characters}"
            if SETTINGS.data.max_bpc_characters
            else ""
        ),
        seed=SETTINGS.seed,
        code=task_code("bpc"),
        batch_tokens=SETTINGS.encoding.batch_tokens,
        long=SETTINGS.encoding.long,
        device=SETTINGS.encoding.device,
        precision=SETTINGS.encoding.precision,
    message:
        "measure the bits per character of {wildcards.language} at step {wildcards.step}"
    shell:
        f"python -m chronoglot bits {RESULTS}/checkpoints/step-{{wildcards.step}}/model"
        " {input.heldout} --step {wildcards.step} --language {wildcards.language} {params.limit}"
        " --seed {params.seed} --batch-tokens {params.batch_tokens} --long {params.long}"
        " --device {params.device} --precision {params.precision} --threads {threads} --scores {output} > {log} 2>&1"


rule align:
    input:
        model=MODEL,
        verdict=ancient(PLAN.verdict),
        gpu=ancient(PLAN.checks.gpu("encoding")),
        parallel=rules.parallel.output,
    output:
        f"{RESULTS}/alignment/step-{{step}}/{{source}}-{{target}}.json",
    log:
        f"{RESULTS}/logs/align/step-{{step}}/{{source}}-{{target}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/align/step-{{step}}/{{source}}-{{target}}.tsv"
    priority: 20
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.limits.forward(PLAN.run.layers + 1),
        runtime=growing(120),
        gpu=1 if SETTINGS.encoding.device == "cuda" else 0,
    params:
        method=SETTINGS.alignment.method,
        pooling=SETTINGS.encoding.pooling,
        code=task_code("alignment"),
        batch_tokens=SETTINGS.encoding.batch_tokens,
        long=SETTINGS.encoding.long,
        device=SETTINGS.encoding.device,
        precision=SETTINGS.encoding.precision,
    message:
        "align {wildcards.source} and {wildcards.target} with step {wildcards.step}"
    shell:
        f"python -m chronoglot align {RESULTS}/checkpoints/step-{{wildcards.step}}/model"
        " {input.parallel} --step {wildcards.step} --source {wildcards.source}"
        " --target {wildcards.target} --method {params.method}"
        " --pooling {params.pooling} --batch-tokens {params.batch_tokens} --long {params.long}"
        " --device {params.device} --precision {params.precision} --threads {threads} --scores {output} > {log} 2>&1"
