# Requires: vectors/step-<step>/<language>/layer-<layer>.npy and data/words/<language>.parquet
# Makes:    probes/step-<step>/layer-<layer>/<language>/<task>.{json,parquet}
# Steps:    one job a (checkpoint, layer, language, task): fit on train, choose on dev, score on test.


rule probe:
    input:
        vectors=f"{RESULTS}/vectors/step-{{step}}/{{language}}/layer-{{layer}}.npy",
        words=rules.words.output,
        # The same tuple of the untrained model is the baseline of every other.
        baseline=lambda wildcards: (
            f"{RESULTS}/probes/step-0/layer-{wildcards.layer}/{wildcards.language}/{wildcards.task}.json"
            if wildcards.step != "0"
            else []
        ),
    output:
        scores=f"{RESULTS}/probes/step-{{step}}/layer-{{layer}}/{{language}}/{{task}}.json",
        predictions=f"{RESULTS}/probes/step-{{step}}/layer-{{layer}}/{{language}}/{{task}}.parquet",
    log:
        f"{RESULTS}/logs/probe/step-{{step}}/layer-{{layer}}/{{language}}/{{task}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/probe/step-{{step}}/layer-{{layer}}/{{language}}/{{task}}.tsv"
    priority: 20
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=4_000,
        runtime=120,
    params:
        regularisation=",".join(
            f"{value:g}" for value in SETTINGS.probing.regularisation
        ),
        seed=SETTINGS.seed,
        baseline=lambda wildcards, input: (
            f"--baseline {input.baseline}" if input.baseline else ""
        ),
    message:
        "probe {wildcards.task} of {wildcards.language} at step {wildcards.step}, layer {wildcards.layer}"
    shell:
        "python -m chronoglot probe {wildcards.task} --step {wildcards.step}"
        " --layer {wildcards.layer} --language {wildcards.language} --vectors {input.vectors}"
        " --words {input.words} {params.baseline} --regularisation {params.regularisation}"
        " --seed {params.seed} --scores {output.scores} --predictions {output.predictions}"
        " > {log} 2>&1"
