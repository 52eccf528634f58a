"""Where each file of a study comes from: the job, its settings, code, packages, machine and time.

Every stage that wrote files ends with a record of itself in its log, a line of JSON; the stage `report`
collects the records of a study. They are beside the results, never in them, so the same study still has
the same bytes wherever and whenever it was run.
"""

import json
import resource
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feature_diversity.base import paths
from feature_diversity.base.files import WRITTEN
from feature_diversity.base.paths import TRAININGS
from feature_diversity.base.timing import STARTED
from feature_diversity.records.digest import ROOMS_BY_NAME, stage_digest
from feature_diversity.records.origin import machine, versions

RECORD, TAKEN = "provenance ", "taken "  # how such lines of a log begin
BY_NAME = tuple(f"{room}." for room in ROOMS_BY_NAME)
PACKAGES = [
    *("altair", "jinja2", "matplotlib", "numpy", "pandas", "pillow", "pyarrow", "safetensors", "scipy"),
    *("scikit-learn", "seaborn", "simplejpeg", "statsmodels", "torch", "torchvision", "vl-convert-python"),
]
IMPORTED_AS = {"pillow": "PIL", "scikit-learn": "sklearn", "vl-convert-python": "vl_convert"}


def say_record(stage: str, arguments: list[str]) -> None:
    """Write this process's record to standard error, which the workflow keeps as the job's log."""
    print(RECORD + json.dumps(record(stage, arguments)), file=sys.stderr)


def record(stage: str, arguments: list[str]) -> dict[str, Any]:
    """What this process has done so far: a stage or command, with these arguments.

    `code` is the digest that the workflow has for it: of the stage, and of the algorithm or the data set
    that was imported by its name. `packages` are those that were loaded, `memory` is the most that was
    needed, in GiB.
    """
    loaded = [name.removeprefix("feature_diversity.") for name in sys.modules]
    by_name = [name for name in loaded if name.startswith(BY_NAME)]
    used = [name for name in PACKAGES if IMPORTED_AS.get(name, name) in sys.modules]
    seconds = time.perf_counter() - STARTED
    kilobytes = max(
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {
        "stage": stage,
        "arguments": arguments,
        "outputs": sorted({str(path) for path in WRITTEN if is_result(path)}),
        # the workflow's own digest, where it is told: a training that is taken imports no algorithm
        "code": arguments[arguments.index("--code") + 1]
        if "--code" in arguments
        else stage_digest(stage, *by_name),
        "packages": versions("feature-diversity", *used),
        "machine": machine(),
        "started": datetime.fromtimestamp(time.time() - seconds, UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 2),
        "memory": round(kilobytes / 2**20, 3),
    }


def is_result(path: Path) -> bool:
    """Whether a written file is one of the results; what is in the store of trainings is not."""
    return path.exists() and TRAININGS not in path.parts


def read_records(logs: Path) -> list[dict[str, Any]]:
    """The records in a folder of logs, each with the name of its log; sorted by the logs' names.

    A record has `taken` if some of its outputs were trained by other jobs, such as another study's: a list of
    what those said of themselves.
    """
    records = []
    for path in sorted(logs.rglob("*.log")):
        taken: list[dict[str, Any]] = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(TAKEN):
                taken.append(json.loads(line.removeprefix(TAKEN)))
            if line.startswith(RECORD):
                found = json.loads(line.removeprefix(RECORD))
                others = {"taken": taken} if taken else {}
                records.append(found | others | {"log": path.relative_to(logs.parent).as_posix()})
    return records


def provenance_of(
    folder: Path, own: dict[str, Any], study: dict[str, Any], code: dict[str, str]
) -> dict[str, Any]:
    """All that is known of where the files in a study's results folder come from.

    own: the record of the job that asks. Machines and sets of packages are listed once, and jobs have their
    numbers. `files` tells the number of the job that made each file.
    """
    machines, packages, jobs, files = [], [], [], {}
    for job in [*read_records(folder / paths.LOGS), own]:
        for name, known in (("machine", machines), ("packages", packages)):
            if job[name] not in known:
                known.append(job[name])
            job |= {name: known.index(job[name])}
        outputs = [path for path in map(Path, job.pop("outputs")) if path.is_relative_to(folder)]
        found = [path for path in outputs if job is own or path.exists()]
        files |= {path.relative_to(folder).as_posix(): len(jobs) for path in found}
        jobs.append(job)
    return {
        "study": study,
        "code": code,
        "machines": machines,
        "packages": packages,
        "jobs": jobs,
        "files": dict(sorted(files.items())),
    }


def by_stage(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The jobs by stage: number, hours of wall time, largest memory in GiB."""
    stages = defaultdict(lambda: {"jobs": 0, "hours": 0.0, "memory": 0.0})
    for job in jobs:
        stage = stages[job["stage"]]
        stage["jobs"] += 1
        stage["hours"] += job["seconds"] / 3600
        stage["memory"] = max(stage["memory"], job["memory"])
    return [{"stage": name, **values} for name, values in stages.items()]
