# Requires: nothing
# Makes:    gpu.json, removed once no job needs it, so that each call of Snakemake looks again
# Steps:    look for the GPU that the settings ask for, where their jobs will run.


if PLAN.checks.with_gpu:

    rule check_gpu:
        output:
            temp(f"{RESULTS}/gpu.json"),
        log:
            f"{RESULTS}/logs/check_gpu.log",
        priority: 300  # all else is in vain without it
        conda:
            "../../envs/chronoglot.yaml"
        threads: 1
        resources:
            mem_mb=growing(4_000),
            runtime=growing(10),
            gpu=1,
        params:
            sections=PLAN.checks.with_gpu,
        message:
            "look for a GPU"
        shell:
            "python -m chronoglot check-gpu {params.sections} --output {output} > {log} 2>&1"
