# Requires: checkpoints/step-<step>/digest.json of all steps, from the rules of the run's source
# Makes:    checkpoints/verdict.json; checkpoints/step-0/model/ where the source has no step 0
# Steps:    compare the digests of all; draw an untrained model.


rule verify:
    input:
        expand(
            f"{RESULTS}/checkpoints/step-{{step}}/digest.json", step=PLAN.run.published
        ),
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
        mem_mb=growing(4_000),
        runtime=growing(30),
    params:
        # A function, since what is written there may hold braces.
        accept=lambda wildcards: shlex.join(
            f"--accept={name}" for name in SETTINGS.checkpoints.accept
        ),
    message:
        "compare the weights of all checkpoints"
    shell:
        "python -m chronoglot verify {input} {params.accept} --verdict {output} > {log} 2>&1"


if 0 not in PLAN.run.published:

    rule untrained:
        input:
            # For the architecture and the tokenizer.
            f"{PLAN.run.example}/manifest.json",
        output:
            f"{RESULTS}/checkpoints/step-0/model/manifest.json",
        log:
            f"{RESULTS}/logs/untrained.log",
        benchmark:
            f"{RESULTS}/benchmarks/untrained.tsv"
        conda:
            "../../envs/chronoglot.yaml"
        threads: 1
        resources:
            mem_mb=PLAN.limits.model(3),
            runtime=growing(30),
        params:
            model=lambda wildcards, input: Path(input[0]).parent,
            folder=lambda wildcards, output: Path(output[0]).parent,
            seed=SETTINGS.seed,
        message:
            "draw an untrained model, the source having none"
        shell:
            "python -m chronoglot untrained {params.model} --seed {params.seed}"
            " --folder {params.folder} > {log} 2>&1"
