# Requires: checkpoints/step-<step>/model/ and data/words/<language>.parquet
# Makes:    vectors/step-<step>/<language>/layer-<layer>.npy, removed once no probe needs them
# Steps:    one forward pass over a language's sentences gives all layers.


rule encode:
    input:
        model=rules.convert.output,
        words=rules.words.output,
    output:
        [
            temp(f"{RESULTS}/vectors/step-{{step}}/{{language}}/layer-{layer}.npy")
            for layer in range(SETTINGS.pretraining.layers + 1)
        ],
    log:
        f"{RESULTS}/logs/encode/step-{{step}}/{{language}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/encode/step-{{step}}/{{language}}.tsv"
    priority: 10
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=4_000,
        runtime=120,
        gpu=1 if SETTINGS.encoding.device == "cuda" else 0,
    params:
        pooling=SETTINGS.encoding.pooling,
        batch_tokens=SETTINGS.encoding.batch_tokens,
        long=SETTINGS.encoding.long,
        device=SETTINGS.encoding.device,
    message:
        "encode {wildcards.language} with step {wildcards.step}"
    shell:
        f"python -m chronoglot encode {RESULTS}/checkpoints/step-{{wildcards.step}}/model"
        " {output} --words {input.words} --pooling {params.pooling} --batch-tokens {params.batch_tokens}"
        " --long {params.long} --device {params.device} --threads {threads}"
        " > {log} 2>&1"
