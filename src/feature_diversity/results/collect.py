"""Every run of a study in one tidy table."""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import SafetensorError, safe_open

from feature_diversity.base import paths
from feature_diversity.base.errors import InputError
from feature_diversity.base.run import Network, Run, expand
from feature_diversity.results.early_stopping import stop_early

LINEAR = ("test_error", "val_error", "test_top1", "test_top5", "val_top1", "val_top5", "protocol", "penalty")


def collect(
    results: Path,
    grids: list[dict[str, Any]],
    figures: dict[str, list[dict[str, Any]]],
    *,
    error_source: str,
    early_stopping: dict[str, Any],
) -> tuple[pd.DataFrame, int]:
    """Collect the runs of a study.

    Args:
        results: Folder of the study's results.
        grids: Of all runs to collect.
        figures: Figure -> grids of the runs that it shows.
        error_source: "measured" by the stage `linear_eval`, or "published" with released checkpoints.
        early_stopping: `rule` and `patience`, as `stop_early` takes them.

    Returns:
        The table, a row for each run x layer x vector x centred x power, and the number of runs.

    Raises:
        InputError: A file of a run that is missing, damaged or incomplete; the message names it.
    """
    shown: dict[Run, list[str]] = {}
    for figure, of_figure in figures.items():
        for run in sorted({run for grid in of_figure for run in expand(grid)}):
            shown.setdefault(run, []).append(figure)
    runs = sorted({run for grid in grids for run in expand(grid)})
    table = joined(read_run(results, run, shown.get(run, []), error_source) for run in runs)
    place = list(table.columns).index("layer")
    stopped = stop_early(table, early_stopping["rule"], early_stopping["patience"])
    table.insert(place, "early_stopped", stopped)
    table.insert(place + 1, "stopping_rule", rule_text(**early_stopping))
    return table, len(runs)


@dataclass(frozen=True)
class Part:
    """What the table has of one run.

    about: its name, its errors and the figures that show it. energy, measures: the files, with rows for
    layers and readings. layers: errors of classifiers on single layers.
    """

    about: dict[str, Any]
    energy: pd.DataFrame
    measures: pd.DataFrame
    layers: list[dict[str, Any]]


def joined(parts: Iterable[Part]) -> pd.DataFrame:
    """A row for each run x layer x vector x centred x power; what belongs to the run is repeated in each."""
    parts = list(parts)
    energy, measures = (
        pd.concat({run: getattr(part, name) for run, part in enumerate(parts)}, names=["run"])
        for name in ("energy", "measures")
    )
    energy, measures = energy.reset_index("run"), measures.reset_index("run")
    measures = measures.drop(columns="mean_cosine", errors="ignore")  # the same as in energy.csv
    layers = [{"run": run} | errors for run, part in enumerate(parts) for errors in part.layers]
    layers = pd.DataFrame(layers, columns=["run", "layer", "layer_test_error", "layer_val_error"])
    numbers = dict.fromkeys(["layer_test_error", "layer_val_error"], float)
    layers = layers.astype({"run": int, "layer": energy["layer"].dtype} | numbers)
    rows = energy.merge(measures, on=["run", "layer", "vector"], how="left", validate="many_to_one")
    rows = rows.merge(layers, on=["run", "layer"], how="left", validate="many_to_one")
    about = pd.DataFrame([part.about for part in parts]).loc[rows.pop("run")]
    return pd.concat([about.reset_index(drop=True), rows], axis=1)


def read_run(results: Path, run: Run, figures: list[str], error_source: str) -> Part:
    """The files of one run of a study. figures: those that show it.

    error_source: "measured", by the stage `linear_eval`, or "published" with a released checkpoint.
    Raises InputError naming the file that is missing, damaged or incomplete.
    """
    folder = results / run.folder
    facts = model_facts(folder / paths.MODEL)
    found = Network(**facts["network"]).after(facts["epochs"]).folder
    if found != run.folder:
        raise InputError(f"{folder / 'model.safetensors'} is a model of {found}, expected {run.folder}")
    if error_source == "published":
        linear = published(facts)
    else:
        linear = read_part(folder / paths.LINEAR, lambda path: json.loads(path.read_text()))
    if missing := [name for name in LINEAR if name not in linear]:
        raise InputError(
            f"{folder / 'linear.json'} has no {', '.join(missing)}; delete it, and the workflow makes it anew"
        )
    energy = read_part(folder / paths.ENERGY, pd.read_csv)
    measures = read_part(folder / paths.MEASURES, pd.read_csv)
    check_complete(folder, energy, measures)
    about = {"dataset": facts["dataset"]["name"]} | asdict(run)
    about |= {"engine": facts["engine"], "n_params": facts["n_params"], "figures": " ".join(figures)}
    about |= {"error_source": error_source} | {name: linear[name] for name in LINEAR}
    about |= {"knn_test_error": linear.get("knn_test_error")}
    layers = [
        {"layer": layer, "layer_test_error": found["test_error"], "layer_val_error": found["val_error"]}
        for layer, found in linear.get("layers", {}).items()
    ]
    return Part(about, energy, measures, layers)


def published(facts: dict[str, Any]) -> dict[str, Any]:
    """What a linear evaluation says, as far as it was published with a released checkpoint."""
    error = facts["released"]["test_error"]
    known = {"test_error": error, "test_top1": 1 - error, "protocol": "published"}
    return dict.fromkeys(LINEAR, math.nan) | known


def check_complete(folder: Path, energy: pd.DataFrame, measures: pd.DataFrame) -> None:
    """InputError naming the file if energy.csv or measures.csv lacks columns or rows, as when cut off."""
    again = "delete it, and the workflow makes it anew"
    needed = ["layer", "vector", "centred", "s", "energy"]
    for name, table, columns in ((paths.ENERGY, energy, needed), (paths.MEASURES, measures, needed[:2])):
        if missing := [column for column in columns if column not in table]:
            raise InputError(f"{folder / name} has no column {', '.join(missing)}; {again}")
    of_energy, of_measures = (
        set(zip(part["layer"], part["vector"], strict=True)) for part in (energy, measures)
    )
    each = energy["centred"].nunique() * energy["s"].nunique()
    readings = max(len(of_energy | of_measures), 1)
    for name, table, expected in (
        (paths.ENERGY, energy, readings * max(each, 1)),
        (paths.MEASURES, measures, readings),
    ):
        if len(table) != expected:
            raise InputError(f"{folder / name} has {len(table)} rows, expected {expected}; {again}")


def rule_text(rule: str, patience: int) -> str:
    """The early-stopping rule as the table says it."""
    return f"patience {patience}" if rule == "patience" else rule


def read_part(path: Path, reader: Callable[[Path], Any]) -> Any:
    """What `reader` makes of a file of a run; InputError naming the file if it cannot."""
    try:
        return reader(path)
    except (OSError, ValueError, KeyError) as error:  # JSON and CSV errors are ValueErrors
        raise InputError(
            f"{path} cannot be read ({error}); delete it, and the workflow makes it anew"
        ) from None


def model_facts(path: Path) -> dict[str, Any]:
    """The metadata of a model file and `n_params`, the number of its trunk's parameters."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            facts = json.loads(file.metadata()["facts"])
            trunk = [key for key in file.keys() if key.startswith("trunk.")]  # noqa: SIM118
            statistics = ("running_mean", "running_var", "num_batches_tracked")
            sizes = [file.get_slice(key).get_shape() for key in trunk if not key.endswith(statistics)]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a model of this package: {error}") from None
    needed = {"dataset", "engine", "epochs", "network"}
    if missing := sorted(needed - set(facts)):
        raise InputError(f"{path} is not a model of this package: its metadata have no {', '.join(missing)}")
    return facts | {"n_params": sum(math.prod(shape) for shape in sizes)}
