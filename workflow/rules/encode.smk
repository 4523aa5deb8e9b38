# Requires: checkpoints/step-<step>/model/, verified, and the table data/{words,pairs}/<language>.parquet
# Makes:    vectors/step-<step>/<language>/{words,pairs}/<settings>/layer-<layer>.npy, removed
#           once no job needs them, and origin.json beside them
# Steps:    one forward pass over a table's sentences gives the vectors of all layers asked for.


VECTORS = f"{RESULTS}/vectors/step-{{step}}/{{language}}/{{data}}/{{encoding}}"


# Vectors are removed after use and made again for a new job, which must not run others again. So
# jobs take vectors as `ancient`, and as inputs and params of their own what these are made from. The
# settings are in the path, so that vectors left from others are not taken, and `origin.json` beside
# the vectors says what else they are of.
# Here these params are functions of the input, too, which keeps Snakemake from running this rule for
# a change of theirs before it has asked whether the jobs that read the vectors are to run.
rule encode:
    input:
        model=MODEL,
        # Of checkpoints from elsewhere.
        verdict=ancient(PLAN.verdict),
        gpu=ancient(PLAN.checks.gpu("encoding")),
        checked=ancient(f"{RESULTS}/data/checked/{{data}}/{{language}}.json"),
        table=f"{RESULTS}/data/{{data}}/{{language}}.parquet",
    output:
        layers=[temp(f"{VECTORS}/layer-{layer}.npy") for layer in PLAN.layers],
        origin=temp(f"{VECTORS}/origin.json"),
    log:
        f"{RESULTS}/logs/encode/step-{{step}}/{{language}}/{{data}}-{{encoding}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/encode/step-{{step}}/{{language}}/{{data}}-{{encoding}}.tsv"
    priority: 10
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.limits.forward(PLAN.run.layers + 1),
        runtime=PLAN.limits.encode_minutes(),
        gpu=1 if SETTINGS.encoding.device == "cuda" else 0,
    params:
        layers=lambda wildcards, input: ",".join(map(str, PLAN.layers)),
        encoding=lambda wildcards, input: PLAN.encoding_options(wildcards.data),
        device=lambda wildcards, input: SETTINGS.encoding.device,
    message:
        "encode the {wildcards.data} of {wildcards.language} with step {wildcards.step}"
    shell:
        "python -m chronoglot encode {wildcards.data}"
        f" {RESULTS}/checkpoints/step-{{wildcards.step}}/model"
        " {output.layers} --layers {params.layers} --table {input.table} {params.encoding}"
        " --device {params.device} --threads {threads} > {log} 2>&1"
