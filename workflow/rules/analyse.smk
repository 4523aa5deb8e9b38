# Requires: the score of every tuple; the pretraining text, the tokenizer and the word tables
# Makes:    tables/{scores,links,summary,movement,asymmetry,best_sources,languages,language_pairs,
#           correlates}.{parquet,csv}
# Steps:    collect the scores of all tuples, and all numbers of alignment; what was learned when,
#           and forgotten; in which layers; from which languages; and what goes with it.


rule scores:
    input:
        PLAN.tuples.files(RESULTS),
        # No table of checkpoints that are not what they should be.
        verdict=rules.verify.output,
    output:
        f"{RESULTS}/tables/scores.parquet",
        report(
            f"{RESULTS}/tables/scores.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "scores"},
        ),
    log:
        f"{RESULTS}/logs/scores.log",
    benchmark:
        f"{RESULTS}/benchmarks/scores.tsv"
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.limits.tables(PLAN.tuples.number),
        runtime=growing(60),
    params:
        run=SETTINGS.experiment,
        # The same files as `input`, short enough for a command line whatever their number.
        tuples=PLAN.tuples.model_dump_json(),
    message:
        "collect the scores"
    shell:
        f"python -m chronoglot scores {RESULTS} --tuples {{params.tuples:q}}"
        f" --run {{params.run}} --tables {RESULTS}/tables > {{log}} 2>&1"


rule links:
    input:
        PLAN.tuples.alignment_files(RESULTS),
        verdict=rules.verify.output,
    output:
        f"{RESULTS}/tables/links.parquet",
        report(
            f"{RESULTS}/tables/links.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "links"},
        ),
    log:
        f"{RESULTS}/logs/links.log",
    benchmark:
        f"{RESULTS}/benchmarks/links.tsv"
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(4_000),
        runtime=growing(30),
    params:
        run=SETTINGS.experiment,
        tuples=PLAN.tuples.only(task="alignment").model_dump_json(),
    message:
        "collect the numbers of word alignment"
    shell:
        f"python -m chronoglot links {RESULTS} --tuples {{params.tuples:q}}"
        f" --run {{params.run}} --tables {RESULTS}/tables > {{log}} 2>&1"


rule summary:
    input:
        rules.scores.output[0],
    output:
        f"{RESULTS}/tables/summary.parquet",
        report(
            f"{RESULTS}/tables/summary.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "summary"},
        ),
    log:
        f"{RESULTS}/logs/summary.log",
    benchmark:
        f"{RESULTS}/benchmarks/summary.tsv"
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.limits.tables(PLAN.tuples.number),
        runtime=growing(60),
    params:
        share=SETTINGS.analysis.learned_share,
    message:
        "analyse what was learned when"
    shell:
        "python -m chronoglot summary {input} --learned-share {params.share}"
        f" --tables {RESULTS}/tables > {{log}} 2>&1"


rule movement:
    input:
        rules.scores.output[0],
    output:
        f"{RESULTS}/tables/movement.parquet",
        report(
            f"{RESULTS}/tables/movement.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "movement"},
        ),
    log:
        f"{RESULTS}/logs/movement.log",
    benchmark:
        f"{RESULTS}/benchmarks/movement.tsv"
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.limits.tables(PLAN.tuples.number),
        runtime=growing(60),
    message:
        "follow tasks through the layers"
    shell:
        f"python -m chronoglot movement {{input}} --tables {RESULTS}/tables > {{log}} 2>&1"


rule across:
    input:
        rules.summary.output[0],
    output:
        f"{RESULTS}/tables/asymmetry.parquet",
        report(
            f"{RESULTS}/tables/asymmetry.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "asymmetry"},
        ),
        f"{RESULTS}/tables/best_sources.parquet",
        report(
            f"{RESULTS}/tables/best_sources.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "best_sources"},
        ),
    log:
        f"{RESULTS}/logs/across.log",
    benchmark:
        f"{RESULTS}/benchmarks/across.tsv"
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.limits.tables(PLAN.tuples.number),
        runtime=growing(60),
    params:
        languages=",".join(PLAN.languages),
    message:
        "compare the directions of transfer"
    shell:
        "python -m chronoglot across {input} --languages {params.languages}"
        f" --tables {RESULTS}/tables > {{log}} 2>&1"


rule properties:
    input:
        tokenizer=PLAN.tokenizer,
        texts=PLAN.texts,
        counts=PLAN.counts,
        words=expand(
            f"{RESULTS}/data/words/{{language}}.parquet", language=PLAN.with_treebank
        ),
    output:
        f"{RESULTS}/tables/languages.parquet",
        report(
            f"{RESULTS}/tables/languages.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "languages"},
        ),
        f"{RESULTS}/tables/language_pairs.parquet",
        report(
            f"{RESULTS}/tables/language_pairs.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "language_pairs"},
        ),
    log:
        f"{RESULTS}/logs/properties.log",
    benchmark:
        f"{RESULTS}/benchmarks/properties.tsv"
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=growing(4_000),
        runtime=growing(60),
    params:
        # Functions, since names may hold braces.
        languages=lambda wildcards: SETTINGS.described_languages,
        typologies=lambda wildcards: SETTINGS.typologies,
        texts=",".join(PLAN.with_text),
        side=PLAN.side,
        text_tokens=SETTINGS.text_tokens,
        treebanks=",".join(PLAN.with_treebank),
    message:
        "describe the languages"
    shell:
        f"python -m chronoglot properties {{input.tokenizer}} --data {RESULTS}/data"
        f" --binarised {RESULTS}/pretraining/bin --side {{params.side}}"
        " --texts={params.texts:q} --treebanks={params.treebanks:q}"
        " --text-tokens {params.text_tokens:q}"
        " --languages {params.languages:q} --typologies {params.typologies:q}"
        f" --tables {RESULTS}/tables > {{log}} 2>&1"


rule correlates:
    input:
        summary=rules.summary.output[0],
        scores=rules.scores.output[0],
        languages=rules.properties.output[0],
        language_pairs=rules.properties.output[2],
    output:
        f"{RESULTS}/tables/correlates.parquet",
        report(
            f"{RESULTS}/tables/correlates.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "correlates"},
        ),
    log:
        f"{RESULTS}/logs/correlates.log",
    benchmark:
        f"{RESULTS}/benchmarks/correlates.tsv"
    conda:
        "../../envs/chronoglot.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.limits.tables(PLAN.tuples.number),
        runtime=growing(60),
    params:
        permutations=SETTINGS.analysis.permutations,
        seed=SETTINGS.seed,
    message:
        "relate what was learned to the languages"
    shell:
        f"python -m chronoglot correlates {RESULTS}/tables --permutations {{params.permutations}}"
        " --seed {params.seed} > {log} 2>&1"


rule tables:
    input:
        rules.scores.output,
        rules.links.output if PLAN.tuples.alignments else [],
        rules.summary.output,
        rules.movement.output,
        rules.across.output,
        rules.properties.output,
        rules.correlates.output,
        rules.losses.output if SETTINGS.pretraining else [],
