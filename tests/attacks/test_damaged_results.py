"""Results that were cut off, exchanged or filled with what is none end in one message that names the file."""

import json
import math
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from feature_diversity.base import files
from feature_diversity.base.errors import InputError
from feature_diversity.base.files import atomic_write
from feature_diversity.interventions.result import read_interventions
from feature_diversity.prediction.answer import read_prediction
from feature_diversity.report.verdicts import read_claims
from feature_diversity.results.collect import check_complete, check_errors
from feature_diversity.results.table import read_image_counts, read_results
from feature_diversity.training.penalties import reference

DOSE = {"lever": "energy", "layer": "trunk", "delta": 0.5, "kappa": 3}
PLACEBO = {"placebo": "rotation", "layer": "trunk"}


@pytest.mark.parametrize(
    "reader", [read_results, read_image_counts, read_claims, read_prediction, read_interventions]
)
def test_a_table_that_is_cut_off_is_refused_by_every_reader(tmp_path: Path, reader):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n3,")
    with pytest.raises(InputError, match=r"table\.csv .*cut off: its last line does not end"):
        reader(path)


def test_a_pipe_in_the_place_of_a_table_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "results.csv")
    with pytest.raises(InputError, match="no plain file"):
        read_results(tmp_path / "results.csv")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, "has None, expected keys and numbers"),
        (3, "has 3, expected keys and numbers"),
        ({"val_error": 0.2}, "has no test_error"),
        ({"test_error": math.nan, "val_error": 0.2}, "test_error is nan, expected 0 to 1"),
        ({"test_error": 7, "val_error": 0.2}, "test_error is 7, expected 0 to 1"),
        ({"test_error": "0.1", "val_error": 0.2}, "test_error is '0.1', expected 0 to 1"),
        ({"test_error": True, "val_error": 0.2}, "test_error is True, expected 0 to 1"),
        ({"test_error": 0.1, "val_error": None}, "val_error is None, expected 0 to 1"),
        ({"test_error": 0.1, "val_error": 0.1, "n_test": -4}, "n_test is -4, expected a number of images"),
        ({"test_error": 0.1, "val_error": 0.1, "layers": ["trunk"]}, r"layers is \['trunk'\], expected"),
        ({"test_error": 0.1, "val_error": 0.1, "layers": {"trunk": 3}}, "layers: trunk: test_error is None"),
    ],
)
def test_errors_that_are_none_are_named(found: object, message: str):
    names = ("test_error", "val_error")
    with pytest.raises(InputError, match=rf"linear\.json:? {message}"):
        check_errors(Path("linear.json"), found, names, names)


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two layers' energies and measures of a run."""
    rows = [{"layer": layer, "vector": "flatten", "model": "x"} for layer in ("res2", "trunk")]
    energy = pd.DataFrame([row | {"centred": False, "s": s, "energy": 1.0} for row in rows for s in (0, 1)])
    return energy, pd.DataFrame([row | {"rankme": 2.0} for row in rows])


def test_whole_tables_of_a_run_pass():
    check_complete(Path("run"), *tables())


def test_a_reading_that_stands_twice_in_the_place_of_another_is_named():
    energy, measures = tables()
    energy.iloc[-1] = energy.iloc[0]
    with pytest.raises(InputError, match=r"energy\.csv has a reading twice"):
        check_complete(Path("run"), energy, measures)


def test_text_in_a_column_of_numbers_is_named():
    energy, measures = tables()
    measures["rankme"] = "1,5"
    with pytest.raises(InputError, match=r"measures\.csv: column rankme has '1,5', expected numbers"):
        check_complete(Path("run"), energy, measures)


def test_a_column_of_the_run_itself_is_named():
    energy, measures = tables()
    with pytest.raises(InputError, match=r"energy\.csv has the column test_error"):
        check_complete(Path("run"), energy.assign(test_error=0.1), measures)


@pytest.mark.parametrize(
    ("penalty", "rows", "message"),
    [
        (DOSE, ["2,0.5", "1,0.4"], "has epochs in another order, expected 2"),
        (DOSE, ["1,0.5", "2,0.4", "3,0.3"], "has 3 epochs, expected 2"),
        (DOSE, ["1,0.5", "2,0."], "it is cut off"),
        (
            PLACEBO,
            ["1,0.5 0.4", "2,-1 0.3"],
            "gradient_norms has -1.0 in epoch 2, expected numbers of at least",
        ),
        (
            PLACEBO,
            ["1,0.5 nan", "2,1 0.3"],
            "gradient_norms has nan in epoch 1, expected numbers of at least 0",
        ),
    ],
)
def test_another_history_is_no_reference(tmp_path: Path, penalty: dict, rows: list[str], message: str):
    column = "excess_trunk" if penalty is DOSE else "gradient_norms"
    path = tmp_path / "history.csv"
    end = "" if "cut off" in message else "\n"
    path.write_text("\n".join([f"epoch,{column}", *rows]) + end)
    with pytest.raises(InputError, match=re.escape(message)):
        reference.read(path, penalty, epochs=2, steps=2)


def test_a_file_whose_time_lies_ahead_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "BEGUN", [time.time()])
    path = tmp_path / "claims.csv"
    path.write_text("old")
    os.utime(path, (time.time() + 86_400, time.time() + 86_400))
    with pytest.raises(InputError, match=r"lies 86,\d+ s ahead, .*`touch` it"), atomic_write(path) as part:
        part.write_text("new")
    assert path.read_text() == "old"


def test_a_name_that_is_too_long_is_named(tmp_path: Path):
    with (
        pytest.raises(InputError, match="cannot be written: File name too long"),
        atomic_write(tmp_path / ("a" * 300)),
    ):
        pass


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_is_no_error(tmp_path: Path, closed: str):
    command = f"{sys.executable} -m feature_diversity --help {closed}"
    assert subprocess.run(["bash", "-c", command], capture_output=True, check=False).returncode == 0


def test_clean_resume_keeps_trainings_of_a_study_that_lies_elsewhere(tmp_path: Path):
    training = tmp_path / "results" / "elsewhere" / "trainings" / "key"
    training.mkdir(parents=True)
    (training / "settings.json").write_text(json.dumps({"network": {}}))
    (training / "state_000000004.pt").write_bytes(b"days of work")
    command = [sys.executable, "-m", "feature_diversity", "clean_resume", "--results"]
    done = subprocess.run([*command, tmp_path / "results"], capture_output=True, text=True, check=False)
    assert "no study elsewhere here; name its file with --study" in done.stdout, done.stderr
    assert (training / "state_000000004.pt").exists()
