# Requires: checkpoints/step-<step>/checkpoint.pt (fairseq) and the tokenizer
# Makes:    checkpoints/step-<step>/model/ (transformers, safetensors), checkpoints/verdict.json
# Steps:    convert each and take its digest; compare the digests of all; run one checkpoint through
#           fairseq as well and compare all its layers.

MODEL_FILES = ["model.safetensors", "config.json", "sentencepiece.bpe.model"]


rule convert:
    input:
        checkpoint=rules.checkpoint.output,
        model=rules.tokenizer.output.model,
        dictionary=rules.tokenizer.output.dictionary,
    output:
        expand(
            f"{RESULTS}/checkpoints/step-{{{{step}}}}/model/{{file}}", file=MODEL_FILES
        ),
        manifest=f"{RESULTS}/checkpoints/step-{{step}}/model/manifest.json",
        digest=f"{RESULTS}/checkpoints/step-{{step}}/digest.json",
    log:
        f"{RESULTS}/logs/convert/step-{{step}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/convert/step-{{step}}.tsv"
    priority: 80
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=4_000,
        runtime=30,
    message:
        "convert the checkpoint of step {wildcards.step}"
    shell:
        "python -m chronoglot convert {input.checkpoint} --model {input.model}"
        " --dictionary {input.dictionary}"
        f" --folder {RESULTS}/checkpoints/step-{{wildcards.step}}/model"
        " --digest {output.digest} > {log} 2>&1"


rule verify:
    input:
        expand(f"{RESULTS}/checkpoints/step-{{step}}/digest.json", step=PLAN.steps),
    output:
        f"{RESULTS}/checkpoints/verdict.json",
    log:
        f"{RESULTS}/logs/verify.log",
    benchmark:
        f"{RESULTS}/benchmarks/verify.tsv"
    priority: 80
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=4_000,
        runtime=30,
    params:
        accept=" ".join(f"--accept {name}" for name in SETTINGS.checkpoints.accept),
    message:
        "compare the weights of all checkpoints"
    shell:
        "python -m chronoglot verify {input} {params.accept} --verdict {output} > {log} 2>&1"


rule check_conversion:
    input:
        checkpoint=rules.checkpoint.output,
        dictionary=rules.tokenizer.output.dictionary,
        converted=rules.convert.output,
        texts=expand(
            f"{RESULTS}/data/text/{{language}}/heldout.txt", language=PLAN.pretrained
        ),
    output:
        f"{RESULTS}/checkpoints/step-{{step}}/conversion.json",
    log:
        f"{RESULTS}/logs/check_conversion/step-{{step}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/check_conversion/step-{{step}}.tsv"
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=8_000,
        runtime=30,
    message:
        "compare the converted checkpoint of step {wildcards.step} with fairseq's"
    shell:
        "python -m chronoglot check-conversion {input.checkpoint} {input.texts}"
        f" --folder {RESULTS}/checkpoints/step-{{wildcards.step}}/model"
        " --dictionary {input.dictionary} --output {output} > {log} 2>&1"
