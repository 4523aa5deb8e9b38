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

from chronoglot.runtime.changes.snakemake import (
    heed_missing_ancient_inputs,
    ignore_missing_ancient_inputs,
)
from chronoglot.planning.asked import refuse_unknown
from chronoglot.data.fetch.missing import bring, is_cut_off
from chronoglot.runtime.errors import UserError
from chronoglot.figures.catalogue import figure_tables
from chronoglot.planning.limits import growing
from chronoglot.runtime.shared_start import server as shared_start
from chronoglot.planning.experiment import read_plan
from chronoglot.settings.file import refuse_duplicate_keys
from chronoglot.planning.task_code import task_code

# A job on a cluster plans itself alone.
if workflow.is_main_process:
    ignore_missing_ancient_inputs()

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
    heed_missing_ancient_inputs()
    # A job on a cluster, which runs Snakemake too, fetches nothing and has its machine to itself.
    if workflow.is_main_process:
        outputs = {
            Path(file) for job in workflow.dag.needrun_jobs() for file in job.output
        }
        to_bring = PLAN.to_bring(outputs)
        if is_cut_off(to_bring):
            raise WorkflowError(bring(to_bring))
        if workflow.local_exec:
            shared_start.start()
    # Each time that its limit of jobs a second is on, as it is by default, the scheduler sets a timer
    # that wakes it a second later: one more for every job done, and after some hundred jobs it takes
    # a core of its own. (A limit that was asked for stays.)
    limiter = workflow.scheduler.job_rate_limiter
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


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
include: f"workflow/rules/{PLAN.run.source}.smk"
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
