"""Chronoglot: when does a multilingual language model learn what it knows, and what does it forget?

Requires a configuration (`config.yaml` unless --configfile names another) and makes
results/<experiment>/report.html, through
data -> run -> checkpoints -> encode -> probe -> analyse -> report.
"""

import gc
import json
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# A large plan allocates millions of objects and frees none: collecting less often saves a fifth.
gc.set_threshold(200_000, 20, 1_000)

sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))

from chronoglot.data.fetch.missing import bring, is_cut_off
from chronoglot.figures.catalogue import figure_tables
from chronoglot.planning.asked import refuse_unknown
from chronoglot.planning.experiment import read_plan
from chronoglot.planning.limits import growing
from chronoglot.planning.task_code import task_code
from chronoglot.runtime.changes import snakemake as changes
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.shared_start import server as shared_start
from chronoglot.settings.file import refuse_duplicate_keys

# A job on a cluster plans itself alone.
if workflow.is_main_process:
    heed_missing_inputs = changes.ignore_missing_ancient_inputs()
    changes.pass_over_ancient_inputs()

# Only one configuration holds: languages of two must not mix.
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


try:
    SOURCES = workflow.overwrite_configfiles or workflow.configfiles
    refuse_duplicate_keys(SOURCES)
    PLAN = read_plan(config, ", ".join(map(str, SOURCES)) or "--config")
    # Snakemake tells its targets only when all this is read.
    refuse_unknown(sys.argv[1:], PLAN)
    PLAN.prepare_jobs()
except UserError as error:
    raise WorkflowError(str(error)) from None

SETTINGS = PLAN.settings
RESULTS = PLAN.results
MODEL = f"{RESULTS}/checkpoints/step-{{step}}/model/manifest.json"

if workflow.is_main_process:
    for line in PLAN.absences:
        print(line, file=sys.stderr)


onstart:
    # A job on a cluster, which runs Snakemake too, fetches nothing and has its machine to itself.
    if workflow.is_main_process:
        heed_missing_inputs()
        changes.lift_default_rate_limit(workflow)
        changes.fill_empty_messages()
        to_bring = PLAN.to_bring(changes.planned_outputs(workflow))
        if is_cut_off(to_bring):
            raise WorkflowError(bring(to_bring))
        if changes.is_local(workflow):
            shared_start.start()


onsuccess:
    if workflow.is_main_process:
        PLAN.remove_stale_vectors()


wildcard_constraints:
    step=r"\d+",
    layer=r"\d+",
    segment=r"\d+",
    language=r"[A-Za-z0-9_]+",
    source=r"[A-Za-z0-9_]+",
    target=r"[A-Za-z0-9_]+",
    data=r"words|pairs",
    encoding="|".join({PLAN.encoding_name(data) for data in ("words", "pairs")}),
    dataset=r"[a-z0-9.-]+",
    task=r"[a-z0-9_]+",
    figure="|".join(PLAN.figures),


localrules:
    all,
    tables,
    figures,


include: "workflow/rules/fetch.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/device.smk"
include: f"workflow/rules/{PLAN.run.kind}.smk"
include: "workflow/rules/checkpoints.smk"
include: "workflow/rules/encode.smk"
include: "workflow/rules/probe.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/targets.smk"


rule all:
    default_target: True
    input:
        rules.report.output,
