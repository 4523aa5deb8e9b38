# Requires: checkpoints/step-<step>/checkpoint.pt (fairseq) and the tokenizer
# Makes:    checkpoints/step-<step>/model/ (transformers, safetensors) and its digest
# Steps:    convert each; run one checkpoint through fairseq as well and compare all its layers.

MODEL_FILES = ["model.safetensors", "config.json", "sentencepiece.bpe.model"]


rule convert:
    input:
        checkpoint=f"{RESULTS}/checkpoints/step-{{step}}/checkpoint.pt",
        model=f"{RESULTS}/tokenizer/sentencepiece.bpe.model",
        dictionary=f"{RESULTS}/tokenizer/dict.txt",
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
    wildcard_constraints:
        step=PLAN.run.published_steps,
    priority: 80
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.limits.model(4),
        runtime=growing(30),
    params:
        layers=PLAN.run.layers,
    message:
        "convert the checkpoint of step {wildcards.step}"
    shell:
        "python -m chronoglot convert {input.checkpoint} --model {input.model}"
        " --dictionary {input.dictionary}"
        f" --folder {RESULTS}/checkpoints/step-{{wildcards.step}}/model"
        " --digest {output.digest} --layers {params.layers} > {log} 2>&1"


rule check_conversion:
    input:
        checkpoint=rules.convert.input.checkpoint,
        dictionary=rules.convert.input.dictionary,
        converted=rules.convert.output,
        sentences=PLAN.sentences,
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
        mem_mb=PLAN.limits.model(8),
        runtime=growing(30),
    message:
        "compare the converted checkpoint of step {wildcards.step} with fairseq's"
    shell:
        "python -m chronoglot check-conversion {input.checkpoint} {input.sentences}"
        f" --folder {RESULTS}/checkpoints/step-{{wildcards.step}}/model"
        " --dictionary {input.dictionary} --output {output} > {log} 2>&1"
