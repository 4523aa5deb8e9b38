# Requires: data/text/<language>/{train,heldout}.txt
# Makes:    tokenizer/, pretraining/ and checkpoints/step-<step>/checkpoint.pt
# Steps:    tokenizer, binarise, train in segments of fixed length, take the listed steps from them.


rule tokenizer:
    input:
        texts=expand(
            f"{RESULTS}/data/text/{{language}}/train.txt", language=PLAN.with_text
        ),
        gpu=ancient(PLAN.checks.gpu("pretraining")),
    output:
        model=f"{RESULTS}/tokenizer/sentencepiece.bpe.model",
        dictionary=f"{RESULTS}/tokenizer/dict.txt",
    log:
        f"{RESULTS}/logs/tokenizer.log",
    benchmark:
        f"{RESULTS}/benchmarks/tokenizer.tsv"
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(8_000),
        runtime=growing(240),
    params:
        vocabulary=SETTINGS.tokenizer.vocabulary,
        alpha=SETTINGS.tokenizer.alpha,
        coverage=SETTINGS.tokenizer.character_coverage,
        sentences=(
            f"--sentences {SETTINGS.tokenizer.sentences}"
            if SETTINGS.tokenizer.sentences
            else ""
        ),
        seed=SETTINGS.seed,
    message:
        "train the tokenizer"
    shell:
        "python -m chronoglot tokenizer {input.texts} --vocabulary {params.vocabulary}"
        " --alpha {params.alpha} --character-coverage {params.coverage} {params.sentences}"
        " --seed {params.seed} --model {output.model} --dictionary {output.dictionary}"
        " > {log} 2>&1"


rule binarise:
    input:
        train=f"{RESULTS}/data/text/{{language}}/train.txt",
        heldout=f"{RESULTS}/data/text/{{language}}/heldout.txt",
        model=rules.tokenizer.output.model,
        dictionary=rules.tokenizer.output.dictionary,
    output:
        multiext(
            f"{RESULTS}/pretraining/bin/{{language}}/",
            "train.bin",
            "train.idx",
            "valid.bin",
            "valid.idx",
            "counts.json",
        ),
    log:
        f"{RESULTS}/logs/binarise/{{language}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/binarise/{{language}}.tsv"
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(4_000),
        runtime=growing(240),
    params:
        # A paragraph that is an example must fit into one.
        cut=(
            f"--cut {SETTINGS.pretraining.block - 1}"
            if SETTINGS.pretraining.examples == "paragraphs"
            else ""
        ),
    message:
        "binarise the text of {wildcards.language}"
    shell:
        "python -m chronoglot binarise {wildcards.language} --train {input.train}"
        " --heldout {input.heldout} --model {input.model} --dictionary {input.dictionary}"
        f" {{params.cut}} --folder {RESULTS}/pretraining/bin"
        " > {log} 2>&1"


# A segment covers a fixed range of updates and goes on from the one before, so that its result
# does not depend on which steps are listed. It saves those that it passes, for `checkpoint` to
# take: the list reaches it through the environment (`Plan.prepare_jobs`) and not through `params`,
# because a longer or shorter list must not train anything again.
rule segment:
    input:
        binarised=expand(
            f"{RESULTS}/pretraining/bin/{{language}}/train.bin",
            language=PLAN.with_text,
        ),
        dictionary=rules.tokenizer.output.dictionary,
        gpu=ancient(PLAN.checks.gpu("pretraining")),
        previous=lambda wildcards: (
            f"{RESULTS}/pretraining/segments/{int(wildcards.segment) - 1}"
            if int(wildcards.segment) > 1
            else []
        ),
    output:
        directory(f"{RESULTS}/pretraining/segments/{{segment}}"),
    log:
        f"{RESULTS}/logs/segment/{{segment}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/segment/{{segment}}.tsv"
    priority: 100  # everything else waits for it
    conda:
        "../../envs/chronoglot.yaml"
    threads: SETTINGS.pretraining.threads
    resources:
        mem_mb=PLAN.limits.pretraining(),
        runtime=1_440,
        gpu=1 if SETTINGS.pretraining.device == "cuda" else 0,
    params:
        recipe=PLAN.schedule.recipe,
        languages=",".join(PLAN.with_text),
        previous=lambda wildcards, input: (
            f"--previous {input.previous}" if input.previous else ""
        ),
    message:
        "pretrain segment {wildcards.segment}"
    shell:
        "python -m chronoglot segment {wildcards.segment} --recipe {params.recipe:q}"
        f" --languages {{params.languages}} --binarised {RESULTS}/pretraining/bin"
        " {params.previous}"
        f" --work {RESULTS}/pretraining/work/{{wildcards.segment}}"
        " --folder {output} > {log} 2>&1"


rule checkpoint:
    input:
        binarised=rules.segment.input.binarised,
        dictionary=rules.tokenizer.output.dictionary,
        gpu=ancient(PLAN.checks.gpu("pretraining")),
        segments=lambda wildcards: [
            f"{RESULTS}/pretraining/segments/{segment}"
            for segment in PLAN.schedule.segments_of(int(wildcards.step))
        ],
    output:
        f"{RESULTS}/checkpoints/step-{{step}}/checkpoint.pt",
    log:
        f"{RESULTS}/logs/checkpoint/step-{{step}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/checkpoint/step-{{step}}.tsv"
    priority: 90
    conda:
        "../../envs/chronoglot.yaml"
    threads: SETTINGS.pretraining.threads
    resources:
        mem_mb=PLAN.limits.pretraining(),
        runtime=1_440,
        gpu=1 if SETTINGS.pretraining.device == "cuda" else 0,
    params:
        recipe=PLAN.schedule.recipe,
        languages=",".join(PLAN.with_text),
        segments=lambda wildcards, input: ",".join(input.segments),
    message:
        "take the checkpoint of step {wildcards.step}"
    shell:
        "python -m chronoglot checkpoint {wildcards.step} --recipe {params.recipe:q}"
        f" --languages {{params.languages}} --binarised {RESULTS}/pretraining/bin"
        " --segments {params.segments}"
        f" --work {RESULTS}/pretraining/work/step-{{wildcards.step}}"
        " --checkpoint {output} > {log} 2>&1"


rule losses:
    input:
        expand(
            f"{RESULTS}/pretraining/segments/{{segment}}",
            segment=PLAN.schedule.segments,
        ),
    output:
        parquet=f"{RESULTS}/tables/losses.parquet",
        csv=f"{RESULTS}/tables/losses.csv",
    log:
        f"{RESULTS}/logs/losses.log",
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(1_000),
        runtime=growing(10),
    params:
        run=SETTINGS.experiment,
    message:
        "collect the pretraining losses"
    shell:
        "python -m chronoglot losses {input} --run {params.run} --parquet {output.parquet}"
        " --csv {output.csv} > {log} 2>&1"


include: "convert.smk"
