import itertools
import subprocess
import sys

import pandas as pd
import pytest

from feature_diversity import figures
from feature_diversity.files import InputError

NAMES = ["figure1", "figure2", "figure3", "figure4"]
LAYERS = ["conv1", "res2", "res4", "trunk", "head"]


@pytest.fixture(scope="module")
def table():
    """Results of a study with every axis, each run in all figures; the numbers are arbitrary but fixed."""
    axes = ["algorithm", "depth", "width", "norm", "epochs", "seed"]
    values = ["simclr", "supervised"], [14, 26], [0.25, 0.5], ["batchnorm", "layernorm"], [0, 5, 10], [1, 2]
    rows = []
    for number, run in enumerate(itertools.product(*values)):
        errors = {"val_error": (number * 7 % 11) / 11, "test_error": (number * 5 % 13) / 13}
        for (place, layer), s in itertools.product(enumerate(LAYERS), (0, 1)):
            reading = {"layer": layer, "s": s, "diversity": -1 - (number * 3 % 17 + place) / 20 - s}
            rows.append(dict(zip(axes, run, strict=True)) | errors | reading)
    table = pd.DataFrame(rows).assign(dataset="digits", vector="flatten", centred=False)
    return table.assign(n_params=1e5 * table["depth"] * table["width"], figures=" ".join(NAMES))


@pytest.fixture(scope="module")
def csv(table, tmp_path_factory):
    """The table as the stage `tabulate` leaves it."""
    path = tmp_path_factory.mktemp("study") / "results.csv"
    table.to_csv(path, index=False)
    return path


def draw(table, *names, folder):
    """Run the stage in this process."""
    figures.main(["--table", str(table), "--figures", *names, "--folder", str(folder)])


@pytest.fixture(scope="module")
def folder(csv):
    """The four figures."""
    folder = csv.parent / "figures"
    draw(csv, *NAMES, folder=folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("ending", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG\r\n\x1a\n")]
)
def test_every_figure_is_drawn_in_every_format(folder, name, ending, start):
    assert (folder / f"{name}.{ending}").read_bytes().startswith(start)


def test_nothing_else_is_written(folder):
    assert len(list(folder.iterdir())) == 12


def test_another_process_draws_the_same_bytes(command, csv, folder, tmp_path):
    done = command("figures", "--table", csv, "--figures", "figure1", "--folder", tmp_path)
    assert done.returncode == 0, done.stderr
    for ending in ("svg", "pdf", "png"):
        assert (tmp_path / f"figure1.{ending}").read_bytes() == (folder / f"figure1.{ending}").read_bytes()


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("figure1", ["width x0.25", "width x0.5", "untrained", "5 epochs", "10 epochs", "conv1", "head"]),
        ("figure2", ["ResNet-14", "ResNet-26", "test error", "Parameters of the trunk"]),
        ("figure3", ["SimCLR", "Supervised", "trunk"]),
        ("figure4", ["BatchNorm", "LayerNorm", "ResNet-14", "ResNet-26"]),
    ],
)
def test_the_legend_and_the_panels_are_named(folder, name, texts):
    svg = (folder / f"{name}.svg").read_text()
    for text in [*texts, "Diversity", "Test error"]:
        assert text in svg


def test_a_figure_shows_only_its_own_runs(table, tmp_path):
    mine = table.assign(figures=table["depth"].map({14: "figure4", 26: "figure1"}))
    mine.to_csv(tmp_path / "results.csv", index=False)
    figures.main(
        ["--table", str(tmp_path / "results.csv"), "--figures", "figure4", "--folder", str(tmp_path)]
    )
    svg = (tmp_path / "figure4.svg").read_text()
    assert "ResNet-14" in svg
    assert "ResNet-26" not in svg


def test_a_figure_without_runs_is_named(table, tmp_path):
    table.assign(figures="figure1").to_csv(tmp_path / "results.csv", index=False)
    with pytest.raises(InputError, match=r"results\.csv: no run belongs to figure2"):
        figures.main(
            ["--table", str(tmp_path / "results.csv"), "--figures", "figure2", "--folder", str(tmp_path)]
        )


def test_only_the_headline_reading_is_drawn(table, csv):
    shown = figures.headline(csv)
    assert len(shown) == len(table) / 2
    assert set(shown["s"]) == {1}


def test_errors_are_drawn_in_percent(csv):
    shown = figures.headline(csv)
    assert (shown["error"] == 100 * shown["test_error"]).all()


# --- early stopping ---


def training(val_errors, **columns):
    """Rows of one training: one for each number of epochs, with these validation errors."""
    run = {"algorithm": "simclr", "depth": 14, "width": 0.5, "norm": "batchnorm", "seed": 1, "layer": "head"}
    rows = [
        run | {"epochs": epochs, "val_error": error, "test_error": 0.5, "diversity": -epochs} | columns
        for epochs, error in val_errors.items()
    ]
    return pd.DataFrame(rows)


def test_early_stopping_takes_the_least_validation_error():
    stopped = figures.early_stopped(training({5: 0.3, 10: 0.1, 20: 0.2}))
    assert stopped["epochs"].tolist() == [10]
    assert stopped["diversity"].tolist() == [-10]


def test_early_stopping_does_not_look_at_the_test_error():
    table = training({5: 0.3, 10: 0.1, 20: 0.2}).assign(test_error=[0.0, 0.9, 0.1])
    assert figures.early_stopped(table)["epochs"].tolist() == [10]


def test_of_equal_validation_errors_the_earliest_is_taken():
    assert figures.early_stopped(training({20: 0.1, 10: 0.1, 5: 0.2}))["epochs"].tolist() == [10]


def test_the_untrained_network_is_no_stop():
    assert figures.early_stopped(training({0: 0.0, 5: 0.2}))["epochs"].tolist() == [5]


def test_each_seed_stops_for_itself():
    both = pd.concat([training({5: 0.1, 10: 0.2}, seed=1), training({5: 0.2, 10: 0.1}, seed=2)])
    assert figures.early_stopped(both).set_index("seed")["epochs"].to_dict() == {1: 5, 2: 10}


def test_all_layers_stop_at_the_same_epochs():
    both = pd.concat([training({5: 0.1, 10: 0.2}, layer=layer) for layer in ("conv1", "head")])
    assert figures.early_stopped(both)["epochs"].tolist() == [5, 5]


def test_a_missing_value_is_not_taken_from_other_epochs():
    table = training({5: 0.1, 10: 0.2}).assign(diversity=[None, -3.0])
    assert figures.early_stopped(table)["diversity"].isna().tolist() == [True]


# --- the rest of the table's stages ---


def test_the_stages_that_read_tables_do_not_load_torch():
    program = """if True:
        import sys
        import feature_diversity.tabulate, feature_diversity.figures, feature_diversity.summary
        sys.exit("torch" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
