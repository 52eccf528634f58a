"""Which files of each run lie beside the page, to be linked to."""

import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from feature_diversity.base.paths import ENERGY, HISTORY, LINEAR, LOGS, MEASURES, OUTCOMES
from feature_diversity.base.run import RUN, Run
from feature_diversity.base.stages import STAGES

# A run's folder as the workflow names it; what is none could be any address, such as one that runs a script
FOLDER = re.compile(
    r"(?!\.)[A-Za-z0-9_.-]+/(resnet\d+_w[0-9.e+-]+_[a-z]+|model)(_[a-z][a-z0-9]*)?_ep\d+_seed\d+"
)
FILES = [HISTORY, LINEAR, OUTCOMES, ENERGY, MEASURES]

# What a job's log may be called after -> whose it then is
FORMS = {"run": "", "training": " of the training", "seeds": " of all seeds", "network": " of all seeds"}


def links_of(runs: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """The folder of each run, what could be linked, and which of that there is.

    Returns `folders`, a path relative to the page for each run; `templates`, name -> path with {run} or, for
    files that all snapshots of a training or all seeds share, {training}, {seeds} or {network} in it;
    `there`, uint32 in base64 whose bit i says that a run has the i-th of them.
    """
    folders = [folder_of(values) for values in runs[RUN].to_dict("records")]
    templates = {name: "{run}/" + name for name in FILES}
    # looked up once: 10,000 runs would be 140,000 questions to the disk
    files = {path.relative_to(folder).as_posix() for path in (folder / LOGS).rglob("*.log")}
    of_some = {key: {names_of(*pair)[key] for pair in folders} for key in FORMS}
    for stage in STAGES:
        for key, whose in FORMS.items():
            if any(f"{LOGS}/{stage}/{name}.log" in files for name in of_some[key]):
                templates[f"log of {stage}{whose}"] = f"{LOGS}/{stage}/{{{key}}}.log"
    there = np.zeros(len(runs), dtype="<u4")
    for place, (run, training) in enumerate(folders):
        if not run:
            continue
        files_of_run = {path.name for path in (folder / run).iterdir()} if (folder / run).is_dir() else set()
        for bit, template in enumerate(templates.values()):
            path = template.format(**names_of(run, training))
            if path in files or (template.startswith("{run}/") and template[6:] in files_of_run):
                there[place] |= 1 << bit
    return {
        "folders": [run for run, _ in folders],
        "templates": templates,
        "there": b64encode(there.tobytes()).decode(),
        "without_history": int((there & 1 == 0).sum()),
    }


def names_of(run: str, training: str) -> dict[str, str]:
    """A run's folder, its training's, and both without the seed."""
    seeds, network = (folder.rpartition("_seed")[0] for folder in (run, training))
    return {"run": run, "training": training, "seeds": seeds, "network": network}


def folder_of(values: dict[str, Any]) -> tuple[str, str]:
    """Folder of a run and of its training; empty where its name has holes or is no folder's."""
    if pd.isna(list(values.values())).any():
        return "", ""
    whole = {axis: int(values[axis]) for axis in ("depth", "epochs", "seed")}
    run = Run(**values | whole).folder
    if not FOLDER.fullmatch(run):
        return "", ""
    return run, run.replace(f"_ep{whole['epochs']}_", "_")
