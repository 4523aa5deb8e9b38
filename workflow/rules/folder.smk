# Requires: a folder with checkpoints as `transformers` saves them, each a folder
# Makes:    checkpoints/step-<step>/model/ and its digest
# Steps:    link what each holds.


# The checkpoint is no input: a trainer may remove it once it was taken.
rule take_folder:
    output:
        manifest=f"{RESULTS}/checkpoints/step-{{step}}/model/manifest.json",
        digest=f"{RESULTS}/checkpoints/step-{{step}}/digest.json",
    log:
        f"{RESULTS}/logs/take_folder/step-{{step}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/take_folder/step-{{step}}.tsv"
    wildcard_constraints:
        step=PLAN.run.published_steps,
    priority: 80
    localrule: True
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.limits.model(3),
        runtime=growing(60),
    params:
        pattern=lambda wildcards: PLAN.run.places[int(wildcards.step)],
        folder=lambda wildcards, output: Path(output.manifest).parent,
        layers=PLAN.run.layers,
        tokenizer=(
            shlex.join(["--tokenizer", SETTINGS.checkpoints.folder.tokenizer])
            if SETTINGS.checkpoints.folder.tokenizer
            else ""
        ),
        # A task more takes no checkpoint again: a function of the input leaves no record.
        masked=lambda wildcards, input: "--masked" if "bpc" in SETTINGS.tasks else "",
    message:
        "take the checkpoint of step {wildcards.step}"
    shell:
        "python -m chronoglot take-folder {wildcards.step} {params.pattern:q}"
        " --folder {params.folder} --digest {output.digest} --layers {params.layers}"
        " {params.tokenizer} {params.masked} > {log} 2>&1"
