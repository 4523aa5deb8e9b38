# Requires: checkpoints that fairseq saved, on this machine or at URLs, and their tokenizer
# Makes:    checkpoints/step-<step>/checkpoint.pt and tokenizer/
# Steps:    take each, by a link or a download; convert.smk does the rest.


rule take_tokenizer:
    input:
        unpack(lambda wildcards: PLAN.tokenizer_files),
    output:
        model=f"{RESULTS}/tokenizer/sentencepiece.bpe.model",
        dictionary=f"{RESULTS}/tokenizer/dict.txt",
    log:
        f"{RESULTS}/logs/take_tokenizer.log",
    localrule: True
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(1_000),
        runtime=growing(10),
    params:
        given=lambda wildcards, input: (
            shlex.join(["--given", input.given]) if "given" in input.keys() else ""
        ),
    message:
        "take the tokenizer of the checkpoints"
    shell:
        "python -m chronoglot take-tokenizer {input.model:q} {params.given}"
        " --model {output.model} --dictionary {output.dictionary} > {log} 2>&1"


# A file on this machine is no input: a trainer may remove it once it was taken. One that is
# downloaded goes when it was converted.
rule take_checkpoint:
    output:
        (
            temp(f"{RESULTS}/checkpoints/step-{{step}}/checkpoint.pt")
            if PLAN.run.is_fetched
            else f"{RESULTS}/checkpoints/step-{{step}}/checkpoint.pt"
        ),
    log:
        f"{RESULTS}/logs/take_checkpoint/step-{{step}}.log",
    wildcard_constraints:
        step=PLAN.run.published_steps,
    localrule: True
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(1_000),
        runtime=growing(600),
        downloads=1,
    params:
        place=lambda wildcards: PLAN.run.places[int(wildcards.step)],
    message:
        "take the checkpoint of step {wildcards.step}"
    shell:
        "python -m chronoglot take-checkpoint {wildcards.step} {params.place:q}"
        " --output {output} 2>&1 | tee {log}"


include: "convert.smk"
