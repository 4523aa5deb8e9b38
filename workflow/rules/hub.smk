# Requires: a repository on the Hugging Face hub, or in its cache
# Makes:    checkpoints/step-<step>/model/ and its digest
# Steps:    fetch each revision into the cache, link it from there.


rule take_revision:
    output:
        manifest=f"{RESULTS}/checkpoints/step-{{step}}/model/manifest.json",
        digest=f"{RESULTS}/checkpoints/step-{{step}}/digest.json",
    log:
        f"{RESULTS}/logs/take_revision/step-{{step}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/take_revision/step-{{step}}.tsv"
    wildcard_constraints:
        step=PLAN.run.published_steps,
    priority: 80
    localrule: True
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.limits.model(3),
        runtime=growing(600),
        downloads=1,
    params:
        repository=SETTINGS.checkpoints.hub.repository,
        revision=lambda wildcards: PLAN.run.place(int(wildcards.step)),
        folder=lambda wildcards, output: Path(output.manifest).parent,
        layers=PLAN.run.layers,
        endpoint=lambda wildcards, input: (
            shlex.join(["--endpoint", SETTINGS.checkpoints.hub.endpoint])
            if SETTINGS.checkpoints.hub.endpoint
            else ""
        ),
        tokenizer=(
            shlex.join(["--tokenizer", SETTINGS.checkpoints.hub.tokenizer])
            if SETTINGS.checkpoints.hub.tokenizer
            else ""
        ),
        # A task more takes no checkpoint again: a function of the input leaves no record.
        masked=lambda wildcards, input: "--masked" if "bpc" in SETTINGS.tasks else "",
    message:
        "take the revision of step {wildcards.step}"
    shell:
        "python -m chronoglot take-revision {params.repository:q} {params.revision:q}"
        " --folder {params.folder} --digest {output.digest} --layers {params.layers}"
        " {params.endpoint} {params.tokenizer} {params.masked} > {log} 2>&1"
