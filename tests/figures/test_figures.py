import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from feature_diversity.base.errors import InputError
from feature_diversity.base.run import RUN
from feature_diversity.figures import draw as figures
from feature_diversity.figures import relations, seeds
from feature_diversity.results.table import read_results
from feature_diversity.stages import figures as stage

PAPER = ["figure1", "figure2", "figure3", "figure4"]
NAMES = [*PAPER, "layers", "parts", "untrained", "measures", "cosine"]
PARTS = ["mean", "covariance", "rest"]
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
    table = pd.DataFrame(rows).assign(dataset="digits", variant="default", vector="flatten", centred=False)
    table = table.assign(mean_cosine=1 - 1 / (2 * table["diversity"] ** 2), rankme=-table["diversity"])
    parts = {f"excess_{part}": scale * table["diversity"] for scale, part in enumerate(PARTS, -1)}
    return table.assign(**parts, n_params=1e5 * table["depth"] * table["width"], figures=" ".join(PAPER))


@pytest.fixture(scope="module")
def csv(table, tmp_path_factory):
    """The table as the stage `tabulate` leaves it."""
    path = tmp_path_factory.mktemp("study") / "results.csv"
    table.to_csv(path, index=False)
    return path


def draw(table, *names, folder):
    """Run the stage in this process."""
    stage.main(["--table", str(table), "--figures", *names, "--folder", str(folder)])


def drawn(table, *names, folder):
    """Run the stage on a table; returns its notes on the figures."""
    table.to_csv(folder / "results.csv", index=False)
    draw(folder / "results.csv", *names, folder=folder)
    return json.loads((folder / "notes.json").read_text())


@pytest.fixture(scope="module")
def folder(csv):
    """All figures."""
    folder = csv.parent / "figures"
    draw(csv, *NAMES, folder=folder)
    return folder


def test_two_processes_draw_the_same_figures(csv, folder, tmp_path):
    arguments = ["--figures", *PAPER, "--folder", str(tmp_path), "--threads", "2"]
    command = [sys.executable, "-m", "feature_diversity", "figures", "--table", str(csv), *arguments]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == sorted(
        [*(f"{name}.{ending}" for name in PAPER for ending in figures.ENDINGS), "notes.json"]
    )
    assert all((tmp_path / name).read_bytes() == (folder / name).read_bytes() for name in files[:-1])
    told = json.loads(said.split("provenance ")[1])["outputs"]
    assert {Path(path).name for path in told} == set(files)


def test_who_draws_ends_with_the_stage_were_it_killed(csv, tmp_path):
    arguments = ["--figures", *NAMES, "--folder", str(tmp_path), "--threads", "2"]
    command = [sys.executable, "-m", "feature_diversity", "figures", "--table", str(csv), *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as job:
        while not (tmp_path / "figure1.png").exists():
            assert job.poll() is None
            time.sleep(0.05)
        tasks = Path(f"/proc/{job.pid}/task").iterdir()
        others = {child for task in tasks for child in (task / "children").read_text().split()}
        job.kill()
    assert len(others) >= 2
    while any(Path(f"/proc/{child}/cmdline").exists() for child in others):
        time.sleep(0.05)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("ending", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG\r\n\x1a\n")]
)
def test_every_figure_is_drawn_in_every_format(folder, name, ending, start):
    assert (folder / f"{name}.{ending}").read_bytes().startswith(start)


def test_nothing_else_is_written(folder):
    pictures = {f"{name}.{ending}" for name in NAMES for ending in ("svg", "pdf", "png")}
    assert {path.name for path in folder.iterdir()} == pictures | {"notes.json"}


def test_a_figure_drawn_again_has_the_same_bytes(csv, tmp_path):
    drawn, elsewhere = set(), []
    for number in range(8):
        elsewhere.append([object() for _ in range(1000 * number)])  # so that objects lie elsewhere in memory
        draw(csv, "figure1", folder=tmp_path)
        drawn.add((tmp_path / "figure1.svg").read_bytes())
    assert len(drawn) == 1


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
        ("layers", ["width x0.25", "width x0.5", "trunk"]),
        ("untrained", ["untrained / trained", "Supervised", "head"]),
        ("measures", ["diversity (s = 1)", "RankMe", "conv1", "32 networks"]),
        ("parts", ["mean direction", "covariance", "rest", "conv1", "head"]),
        ("cosine", ["least energy possible", "mean cosine", "conv1"]),
    ],
)
def test_the_legend_and_the_panels_are_named(folder, name, texts):
    svg = (folder / f"{name}.svg").read_text()
    for text in [*texts, *(["Diversity", "Test error"] if name in PAPER else [])]:
        assert text in svg


def test_a_figure_shows_only_its_own_runs(table, tmp_path):
    mine = table.assign(figures=table["depth"].map({14: "figure4", 26: "figure1"}))
    mine.to_csv(tmp_path / "results.csv", index=False)
    stage.main(["--table", str(tmp_path / "results.csv"), "--figures", "figure4", "--folder", str(tmp_path)])
    svg = (tmp_path / "figure4.svg").read_text()
    assert "ResNet-14" in svg
    assert "ResNet-26" not in svg


def test_a_figure_without_runs_says_so(table, tmp_path):
    notes = drawn(table.assign(figures="figure1"), "figure2", folder=tmp_path)["figure2"]
    assert notes["points"] == 0
    assert "no run of the table belongs to figure2" in (tmp_path / "figure2.svg").read_text()


@pytest.mark.parametrize("name", [*PAPER, "layers", "untrained"])
def test_the_default_variant_alone_is_drawn(table, name):
    both = pd.concat([table, table.assign(variant="cool", test_error=0.5, diversity=table["diversity"] * 2)])
    _, notes = figures.draw(name, figures.headline(both))
    _, alone = figures.draw(name, figures.headline(table))
    assert notes == alone


@pytest.mark.parametrize("name", ["variants", "measures", "cosine"])
def test_all_variants_are_drawn_where_they_are_what_it_is_about(table, name):
    table = table.assign(figures="variants")
    both = pd.concat([table, table.assign(variant="cool", test_error=0.5, diversity=table["diversity"] * 2)])
    _, notes = figures.draw(name, figures.headline(both))
    _, alone = figures.draw(name, figures.headline(table))
    assert notes.points == 2 * alone.points


def test_variants_stand_in_the_legend_of_their_figure_the_default_one_first(table):
    names = ["warm", "default", "cool"]
    rows = [table.assign(variant=name, figures="variants") for name in names]
    figure, notes = figures.draw("variants", figures.headline(pd.concat(rows)))
    [legend] = [ax.get_legend() for ax in figure.axes if ax.get_legend()]
    assert [text.get_text() for text in legend.get_texts()[:3]] == ["default", "cool", "warm"]
    many = [table.assign(variant=f"v{number}", figures="variants") for number in range(17)]
    _, notes = figures.draw("variants", figures.headline(pd.concat(many)))
    assert "Without a place in the legend: v9" in notes.remarks


def test_only_the_headline_reading_is_drawn(table, csv):
    shown = figures.headline(read_results(csv))
    assert len(shown) == len(table) / 2
    assert set(shown["s"]) == {1}


def test_errors_are_drawn_in_percent(csv):
    shown = figures.headline(read_results(csv))
    assert (shown["error"] == 100 * shown["test_error"]).all()


# --- what cannot be drawn ---


def spoilt(table, column, value, rows):
    """The headline rows of figure 1 with a value replaced in the first of them."""
    table = table[table["s"] == 1].copy()
    table.loc[table.index[:rows], column] = value
    return table


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("diversity", -np.inf, "infinite diversity"),
        ("diversity", np.nan, "no diversity"),
        ("test_error", np.nan, "no error"),
        ("width", np.nan, "no width"),
        ("layer", np.nan, "no layer"),
    ],
)
def test_points_left_out_are_counted_on_the_figure_and_in_the_notes(table, column, value, reason):
    figure, notes = figures.draw("figure1", figures.headline(spoilt(table, column, value, 3)))
    assert notes.left_out == {reason: 3}
    assert any(f"points left out: {reason}" in text.get_text() for text in figure.texts)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "change",
    [
        {"diversity": -np.inf}, {"test_error": np.nan}, {"layer": "block7"}, {"seed": 1},
        {"algorithm": "mine"}, {"epochs": 0}, {"epochs": 10}, {"n_params": np.nan}, {"val_error": np.nan},
        {"mean_cosine": 1.0},
    ],
    ids=str,
)  # fmt: skip
def test_every_figure_comes_whatever_the_table(table, name, change):
    headline = table[table["s"] == 1].assign(**change).drop_duplicates([*RUN, "layer"])
    figure, notes = figures.draw(name, figures.headline(headline))
    assert figure.texts
    assert notes.points or notes.remarks


def test_a_missing_layer_is_named_and_the_others_are_drawn(table):
    figure, notes = figures.draw("figure1", figures.headline(table[table["layer"] != "res2"]))
    assert notes.remarks == ["Not in the table: res2", "Fewer than three seeds, so no intervals"]
    assert [ax.get_title() for ax in figure.axes if ax.get_title()] == ["conv1", "res4", "head"]


def test_published_errors_have_a_legend_of_their_own(table, tmp_path):
    drawn(table.assign(error_source="published"), "figure3", folder=tmp_path)
    assert "published error" in (tmp_path / "figure3.svg").read_text()


def test_figure_2_says_where_no_validation_error_chose(table):
    _, notes = figures.draw("figure2", figures.headline(table.assign(val_error=np.nan)))
    assert "32 trainings without a validation error: their longest run is shown" in notes.remarks


# --- means and intervals ---


def test_intervals_are_students():
    errors = [0.1, 0.15, 0.3, 0.22, 0.18]
    run = {
        "algorithm": "simclr",
        "depth": 14,
        "width": 1,
        "norm": "batchnorm",
        "variant": "default",
        "epochs": 5,
        "published": False,
    }
    cells = seeds.over_seeds(pd.DataFrame([run | {"error": error} for error in errors]), ["error"])
    low, high = stats.t.interval(0.95, 4, np.mean(errors), stats.sem(errors))
    assert cells["error"].iloc[0] == pytest.approx((low + high) / 2)
    assert cells["error_half"].iloc[0] == pytest.approx((high - low) / 2)


def test_two_seeds_have_a_mean_and_no_interval():
    run = {
        "algorithm": "simclr",
        "depth": 14,
        "width": 1,
        "norm": "batchnorm",
        "variant": "default",
        "epochs": 5,
        "published": False,
    }
    cells = seeds.over_seeds(pd.DataFrame([run | {"error": error} for error in (0.1, 0.3)]), ["error"])
    assert cells["error"].iloc[0] == pytest.approx(0.2)
    assert cells["error_half"].isna().all()


def test_correlations_are_spearmans():
    rng = np.random.default_rng(0)
    cells = pd.DataFrame({"rankme": rng.integers(0, 5, 20), "error": rng.random(20)})
    expected = stats.spearmanr(cells["rankme"], cells["error"]).statistic
    assert relations.spearman(cells, "rankme") == pytest.approx(expected)


def test_no_energy_lies_below_the_bound_of_its_mean_cosine():
    vectors = np.random.default_rng(0).standard_normal((40, 3)) + np.array([2, 0, 0])
    cosines = (u := vectors / np.linalg.norm(vectors, axis=1, keepdims=True)) @ u.T
    pairs = cosines[np.triu_indices(40, 1)]
    assert np.mean((2 - 2 * pairs) ** -0.5) >= relations.least_energy(1 - pairs.mean())


# --- the rest of the table's stages ---


def test_the_stages_that_read_tables_do_not_load_torch():
    program = """if True:
        import sys
        from feature_diversity.stages import claims, figures, report, summary, tabulate
        sys.exit("torch" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_another_outcome_takes_the_place_of_the_test_error(table):
    other = table.assign(knn_test_error=table["test_error"] / 2, pixel_error=0.1)
    shown = figures.headline(figures.of_outcome(other, "knn_test_error"))
    np.testing.assert_allclose(shown["error"], figures.headline(table)["error"] / 2)
    figure, _ = figures.draw("figure1", shown)
    assert "(knn_test_error)" in figure._suptitle.get_text()
    assert "pixel_error" not in shown
    with pytest.raises(InputError, match="outcome is 'few', expected one of test_error, knn_test_error"):
        figures.of_outcome(other, "few")
