"""Every run of a study in one tidy table."""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype
from safetensors import safe_open

from feature_diversity.base import paths
from feature_diversity.base.errors import InputError
from feature_diversity.base.history import DEAD_UNITS
from feature_diversity.base.run import RUN, Network, Run, expand
from feature_diversity.base.stages import TRAINING
from feature_diversity.results.early_stopping import stop_early
from feature_diversity.results.gates import gates_of, loss_noise
from feature_diversity.results.initial import since_initialisation
from feature_diversity.results.origins import (
    AGAIN,
    check_same_model,
    differences,
    facts_of,
    read_whole_csv,
)
from feature_diversity.statistics.proportions import standard_error

LINEAR = (
    *("test_error", "val_error", "test_top1", "test_top5", "val_top1", "val_top5", "protocol", "penalty"),
    "n_test",
)
OF_PIXELS = {"pixel_error": "test_error", "chance_error": "chance_error"}  # column -> key of pixels.json
LOSSES = ("first_loss", "final_loss", "loss_noise")


def collect(
    results: Path,
    grids: list[dict[str, Any]],
    figures: dict[str, list[dict[str, Any]]],
    *,
    error_source: str,
    early_stopping: dict[str, Any],
    schedule: str,
    pixels: Path | None,
    expected: dict[str, Any] | None = None,
    data_set: str | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Collect the runs of a study.

    Args:
        results: Folder of the study's results.
        grids: Of all runs to collect.
        figures: Figure -> grids of the runs that it shows.
        error_source: "measured" by the stage `linear_eval`, or "published" with released checkpoints.
        early_stopping: `rule` and `patience`, as `stop_early` takes them.
        schedule: "trajectory", where runs are snapshots of one training, or "budget", where each is a
            training of its own.
        pixels: pixels.json of the data set; None where nothing is measured on it.
        expected: What the study says of its networks, as `planning.expected.expected_of` makes it; None where
            they are not compared with it.
        data_set: What the table calls the images; None: as the models do.

    Returns:
        The table, a row for each run x layer x vector x centred x power; measures by the number of images,
        a row for each run x layer x vector x number, empty where there is but one; and the number of runs.

    Raises:
        InputError: A file that is missing, damaged or incomplete, or made from another model or by other
            settings than the study's; the message names it.
    """
    of_data = {"schedule": schedule} | pixel_errors(pixels)
    of_data |= {"dataset": data_set} if data_set else {}
    shown: dict[Run, list[str]] = {}
    for figure, of_figure in figures.items():
        for run in sorted({run for grid in of_figure for run in expand(grid)}):
            shown.setdefault(run, []).append(figure)
    runs = sorted({run for grid in grids for run in expand(grid)})
    parts = [read_run(results, run, shown.get(run, []), error_source, of_data, expected) for run in runs]
    table = joined(parts)
    of_runs = pd.DataFrame({"early_stopped": stop_early(table, **early_stopping)})
    of_runs["stopping_rule"] = rule_text(**early_stopping)
    place = list(table).index("layer")
    of_runs = pd.concat([of_runs, gates_of(table)], axis=1)
    changes = since_initialisation(table, measures_in(table, parts))
    table = pd.concat([table.iloc[:, :place], of_runs, table.iloc[:, place:], changes], axis=1)
    return table, counts_of(parts), len(runs)


@dataclass(frozen=True)
class Part:
    """What the table has of one run.

    about: its name, its errors and the figures that show it. energy, measures: the files, with rows for
    layers and readings. layers: errors of classifiers on single layers. counts: measures by the number of
    images, where there is more than one.
    """

    about: dict[str, Any]
    energy: pd.DataFrame
    measures: pd.DataFrame
    layers: list[dict[str, Any]]
    counts: pd.DataFrame


def joined(parts: Iterable[Part]) -> pd.DataFrame:
    """A row for each run x layer x vector x centred x power; what belongs to the run is repeated in each."""
    parts = list(parts)
    energy, measures = (
        pd.concat({run: getattr(part, name) for run, part in enumerate(parts)}, names=["run"])
        for name in ("energy", "measures")
    )
    energy, measures = energy.reset_index("run"), measures.reset_index("run")
    of_energy = ["mean_cosine", "diversity"]  # in energy.csv, of the held-out images
    measures = measures.drop(columns=of_energy, errors="ignore")
    layers = [{"run": run} | errors for run, part in enumerate(parts) for errors in part.layers]
    layers = pd.DataFrame(layers, columns=["run", "layer", "layer_test_error", "layer_val_error"])
    numbers = dict.fromkeys(["layer_test_error", "layer_val_error"], float)
    layers = layers.astype({"run": int, "layer": energy["layer"].dtype} | numbers)
    rows = energy.merge(measures, on=["run", "layer", "vector"], how="left", validate="many_to_one")
    rows = rows.merge(layers, on=["run", "layer"], how="left", validate="many_to_one")
    about = pd.DataFrame([part.about for part in parts]).loc[rows.pop("run")]
    return pd.concat([about.reset_index(drop=True), rows], axis=1)


def counts_of(parts: list[Part]) -> pd.DataFrame:
    """Measures of all runs by the number of images, each row with the name of its run."""
    names = ["dataset", *RUN]
    rows = [part.counts.assign(**{name: part.about[name] for name in names}) for part in parts]
    table = pd.concat(rows, ignore_index=True)
    return table[[*names, *(column for column in table if column not in names)]]


def measures_in(table: pd.DataFrame, parts: list[Part]) -> list[str]:
    """Columns of the table that are measures of features, which may change with training."""
    measured = ["diversity", "excess", "effective_dimension", "mean_cosine"]
    measured += [str(column) for part in parts for column in part.measures]
    keys = {"layer", "vector", "measure_images"}
    return [column for column in dict.fromkeys(measured) if column in table and column not in keys]


def read_run(
    results: Path,
    run: Run,
    figures: list[str],
    error_source: str,
    of_data: dict[str, Any],
    expected: dict[str, Any] | None,
) -> Part:
    """The files of one run of a study. figures: those that show it. of_data: columns that all runs share.

    error_source: "measured", by the stage `linear_eval`, or "published" with a released checkpoint.
    Raises InputError naming the file that is missing, damaged or incomplete.
    """
    folder = results / run.folder
    metadata = facts_of(folder / paths.MODEL)
    facts = model_facts(folder / paths.MODEL, metadata)
    found = Network(**facts["network"]).after(facts["epochs"]).folder
    if found != run.folder:
        raise InputError(f"{folder / 'model.safetensors'} is a model of {found}, expected {run.folder}")
    if error_source == "published":
        linear = published(facts)
    else:
        linear = read_part(folder / paths.LINEAR, lambda path: json.loads(path.read_text(encoding="utf-8")))
        check_errors(folder / paths.LINEAR, linear, LINEAR, ("test_error", "val_error"))
        check_same_model(metadata, {folder / paths.LINEAR: [linear.get("model")]})
    of_linear = linear if error_source == "measured" else None
    if expected and (other := differences(run, metadata, expected, of_linear)):
        raise InputError(
            f"{folder} is not of this study: {'; '.join(other)}. Delete it, or give the study another name"
        )
    energy = read_part(folder / paths.ENERGY, read_whole_csv)
    measures = read_part(folder / paths.MEASURES, read_whole_csv)
    check_complete(folder, energy, measures)
    said = {paths.ENERGY: energy.pop("model"), paths.MEASURES: measures.pop("model")}
    check_same_model(metadata, {folder / name: values for name, values in said.items()})
    about = {"dataset": facts["dataset"]["name"]} | asdict(run)
    about |= {"engine": facts["engine"], "n_params": facts["n_params"], "figures": " ".join(figures)}
    about |= {"error_source": error_source} | {name: linear[name] for name in LINEAR}
    about["test_error_se"] = float(standard_error(linear["test_error"], linear["n_test"]))
    about |= {"knn_test_error": linear.get("knn_test_error", math.nan)}
    if expected and "outcomes" in expected and run.epochs in expected["outcome_epochs"]:
        about |= outcomes(folder / paths.OUTCOMES, metadata, expected["outcomes"])
    about |= of_data
    about |= losses(folder / paths.HISTORY, facts["engine"], run.epochs)
    layers = [
        {"layer": layer, "layer_test_error": found["test_error"], "layer_val_error": found["val_error"]}
        for layer, found in linear.get("layers", {}).items()
    ]
    largest, counts = by_images(measures)
    return Part(about, energy, largest, layers, counts)


def by_images(measures: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of measures.csv with most images of each reading; all of readings with several numbers."""
    if "measure_images" not in measures:
        return measures, measures.iloc[:0]
    of_reading = measures.groupby(["layer", "vector"], sort=False)["measure_images"]
    largest = of_reading.transform("max") == measures["measure_images"]
    return measures[largest], measures[of_reading.transform("size") > 1]


def outcomes(path: Path, metadata: dict[str, Any], expected: dict[str, Any]) -> dict[str, float]:
    """The columns of outcomes.json.

    metadata: of the run's model. expected: the study's block `outcomes`. Raises InputError as `read_run`.
    """
    found = read_part(path, lambda path: json.loads(path.read_text(encoding="utf-8")))
    if missing := [name for name in ("columns", "options", "model") if name not in found]:
        raise InputError(f"{path} has no {', '.join(missing)}; {AGAIN}")
    check_same_model(metadata, {path: [found["model"]]})
    if found["options"] != expected:
        raise InputError(f"{path} is of the options {found['options']}, expected {expected}; {AGAIN}")
    return dict(found["columns"])


def published(facts: dict[str, Any]) -> dict[str, Any]:
    """What a linear evaluation says, as far as it was published with a released checkpoint."""
    error = facts["released"]["test_error"]
    known = {"test_error": error, "test_top1": 1 - error, "protocol": "published"}
    return dict.fromkeys(LINEAR, math.nan) | known


def pixel_errors(path: Path | None) -> dict[str, float]:
    """Errors on the data set without any network, as columns; NaN where there is no file to read."""
    if path is None:
        return dict.fromkeys(OF_PIXELS, math.nan)
    found = read_part(path, lambda path: json.loads(path.read_text(encoding="utf-8")))
    check_errors(path, found, tuple(OF_PIXELS.values()), tuple(OF_PIXELS.values()))
    return {column: found[name] for column, name in OF_PIXELS.items()}


def check_errors(path: Path, found: Any, needed: tuple[str, ...], errors: tuple[str, ...]) -> None:
    """InputError for what a stage says of errors, if it lacks a key or has an error that is none.

    found: what the file holds. errors: keys of shares. Of `layers`, where there are some, the same.
    """
    if not isinstance(found, dict):
        raise InputError(f"{path} has {found!r}, expected keys and numbers; {AGAIN}")
    if missing := [name for name in needed if name not in found]:
        raise InputError(f"{path} has no {', '.join(missing)}; {AGAIN}")
    parts = {"": found}
    if not isinstance(layers := found.get("layers", {}), dict):
        raise InputError(f"{path}: layers is {layers!r}, expected errors by layer; {AGAIN}")
    for layer, part in layers.items():
        parts[f"layers: {layer}: "] = part if isinstance(part, dict) else {}
    for where, part in parts.items():
        for name in errors:
            value = part.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise InputError(f"{path}: {where}{name} is {value!r}, expected 0 to 1; {AGAIN}")
    images = found.get("n_test", 1)
    if isinstance(images, bool) or not isinstance(images, int) or images < 1:
        raise InputError(f"{path}: n_test is {images!r}, expected a number of images; {AGAIN}")


def losses(path: Path, engine: str, epochs: int) -> dict[str, float]:
    """Pretext loss of the first and the last epoch, and the noise of an epoch's; NaN where there is none.

    Of a training with a penalty also the share of dead units in the last epoch.
    """
    if engine not in TRAINING or epochs == 0:  # what was trained elsewhere comes without its history
        return dict.fromkeys(LOSSES, math.nan)
    history = read_part(path, read_whole_csv)
    if "loss" not in history or len(history) != epochs:
        found = f"{len(history)} rows" if "loss" in history else "no column loss"
        expected = f"expected the losses of {epochs} epochs"
        raise InputError(f"{path} has {found}, {expected}; {AGAIN}")
    if list(history.get("epoch", ())) != list(range(1, epochs + 1)):
        raise InputError(f"{path}: its epochs are not 1 to {epochs} in this order; {AGAIN}")
    try:
        values = history["loss"].to_numpy(dtype=float)
    except ValueError as error:
        raise InputError(f"{path}: column loss has {error}; {AGAIN}") from None
    found = dict(zip(LOSSES, (values[0], values[-1], loss_noise(values)), strict=True))
    dead = {DEAD_UNITS: float(history[DEAD_UNITS].iloc[-1])} if DEAD_UNITS in history else {}
    return found | dead


def check_complete(folder: Path, energy: pd.DataFrame, measures: pd.DataFrame) -> None:
    """InputError naming the file if energy.csv or measures.csv lacks columns or rows, as when cut off."""
    of_measures = ["layer", "vector", "model"]
    of_energy = [*of_measures, "centred", "s", "energy"]
    for name, table, columns in ((paths.ENERGY, energy, of_energy), (paths.MEASURES, measures, of_measures)):
        if missing := [column for column in columns if column not in table]:
            raise InputError(f"{folder / name} has no column {', '.join(missing)}; {AGAIN}")
        for column in table.columns.difference(["layer", "vector", "model"]):
            if not is_numeric_dtype(table[column]) and table[column].notna().any():
                value = table[column].dropna().iloc[0]
                raise InputError(f"{folder / name}: column {column} has {value!r}, expected numbers; {AGAIN}")
        if column := next(iter(table.columns.intersection([*RUN, *LINEAR[:-1]])), None):
            raise InputError(f"{folder / name} has the column {column}, which is none of its own; {AGAIN}")
        key = table.columns.intersection(["layer", "vector", "centred", "s", "measure_images"]).tolist()
        if table.duplicated(key).any():
            raise InputError(f"{folder / name} has a reading twice; {AGAIN}")
    measures = by_images(measures)[0]
    in_energy, in_measures = (
        set(zip(part["layer"], part["vector"], strict=True)) for part in (energy, measures)
    )
    each = energy["centred"].nunique() * energy["s"].nunique()
    readings = max(len(in_energy | in_measures), 1)
    for name, table, expected in (
        (paths.ENERGY, energy, readings * max(each, 1)),
        (paths.MEASURES, measures, readings),
    ):
        if len(table) != expected:
            raise InputError(f"{folder / name} has {len(table)} rows, expected {expected}; {AGAIN}")


def rule_text(rule: str, patience: int) -> str:
    """The early-stopping rule as the table says it."""
    return f"patience {patience}" if rule == "patience" else rule


def read_part(path: Path, reader: Callable[[Path], Any]) -> Any:
    """What `reader` makes of a file of a run; InputError naming the file if it cannot."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is no plain file")
        return reader(path)
    except (OSError, ValueError, KeyError) as error:  # JSON and CSV errors are ValueErrors
        raise InputError(f"{path} cannot be read ({error}); {AGAIN}") from None


def model_facts(path: Path, metadata: dict[str, Any]) -> dict[str, Any]:
    """The metadata of a model file and `n_params`, the number of its trunk's parameters, if they lack it."""
    needed = {"dataset", "engine", "epochs", "network"}
    if missing := sorted(needed - set(metadata)):
        raise InputError(f"{path} is not a model of this package: its metadata have no {', '.join(missing)}")
    if "n_params" in metadata:
        return metadata
    with safe_open(str(path), framework="numpy") as file:
        trunk = [key for key in file.keys() if key.startswith("trunk.")]  # noqa: SIM118
        statistics = ("running_mean", "running_var", "num_batches_tracked")
        sizes = [file.get_slice(key).get_shape() for key in trunk if not key.endswith(statistics)]
    return metadata | {"n_params": sum(math.prod(shape) for shape in sizes)}
