import csv
import itertools
import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest

from feature_diversity.base.errors import InputError
from feature_diversity.measures import of_layers as diversity
from feature_diversity.measures import readings
from feature_diversity.measures import spectra as measures
from feature_diversity.measures.companions.table import COMPANIONS, FEATURES, TWO_VIEWS
from feature_diversity.measures.energy import hyperspherical_energy
from feature_diversity.measures.uniform_sphere import effective_dimension, excess_energy
from feature_diversity.stages import energy as stage

LAYERS = ["conv1", "res5", "trunk", "head"]
OPTIONS = {
    "layers": LAYERS,
    "powers": [0, 1, 2.5],
    "vectors": ["flatten", "gap", "vissl"],
    "centred": [False, True],
}


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    shapes = {"conv1": (64, 16, 16), "res5": (40, 1, 1), "trunk": (40,), "head": (8,)}
    for layer, shape in shapes.items():
        np.save(tmp_path / f"{layer}.npy", rng.standard_normal((30, *shape), dtype=np.float32).clip(0) + 0.1)
    for layer in ("trunk", "head"):
        np.save(
            tmp_path / f"views_{layer}.npy", rng.standard_normal((2, 30, *shapes[layer]), dtype=np.float32)
        )
    return tmp_path


def options(without="", **changes):
    """The options as the command line has them."""
    given = []
    for name, values in (OPTIONS | changes).items():
        if name != without:
            given += [f"--{name}", *(x if isinstance(x, str) else json.dumps(x) for x in values)]
    return given


def run(folder, **changes):
    outputs = [folder / "out" / name for name in ("energy.csv", "measures.csv")]
    stage.main(
        [
            *("--features", str(folder), *options(**changes)),
            *("--energy", str(outputs[0]), "--measures", str(outputs[1])),
        ]
    )
    return [list(csv.DictReader(output.open())) for output in outputs]


def test_energy_table_has_a_row_per_layer_vector_centred_and_power(folder):
    energies, _ = run(folder)
    keys = [(row["layer"], row["vector"], row["centred"], row["s"]) for row in energies]
    assert keys == [
        (layer, vector, centred, s)
        for layer in LAYERS
        for vector in OPTIONS["vectors"]
        for centred in ("false", "true")
        for s in ("0", "1", "2.5")
    ]
    assert list(energies[0]) == [*diversity.ENERGY_COLUMNS, "model"]


def test_energy_table_holds_the_energies(folder):
    for row in run(folder)[0]:
        x = readings.READINGS[row["vector"]](np.load(folder / f"{row['layer']}.npy"))
        s = float(row["s"])
        expected = hyperspherical_energy(x, s, center=row["centred"] == "true")
        assert float(row["energy"]) == pytest.approx(expected.value[s], rel=1e-10)
        assert float(row["energy_se"]) == pytest.approx(expected.standard_error[s], rel=1e-6)
        assert float(row["mean_cosine"]) == pytest.approx(expected.mean_cosine, rel=1e-9, abs=1e-12)
        assert float(row["diversity"]) == -float(row["energy"])
        assert row["diversity"].lstrip("-") == row["energy"].lstrip("-")
        assert (int(row["n_images"]), int(row["n_dim"])) == (30, x.shape[1])
        assert (row["n_duplicates"], row["approximate"]) == ("0", "false")
        assert float(row["excess"]) == excess_energy(float(row["energy"]), x.shape[1], s)
        assert float(row["effective_dimension"]) == effective_dimension(float(row["energy"]), s)


def test_measure_table_holds_the_measures(folder):
    _, companions = run(folder)
    assert [(row["layer"], row["vector"]) for row in companions] == [
        (layer, vector) for layer in LAYERS for vector in OPTIONS["vectors"]
    ]
    head = measures.Features(np.load(folder / "head.npy"))
    for row in companions:
        features = measures.Features(
            readings.READINGS[row["vector"]](np.load(folder / f"{row['layer']}.npy"))
        )
        for name, companion in COMPANIONS.items():
            if companion.of == FEATURES:
                assert float(row[name]) == companion(features), name
        assert float(row["linear_cka_with_head"]) == pytest.approx(measures.linear_cka(features, head))
        if row["layer"] in ("trunk", "head"):
            views = np.load(folder / f"views_{row['layer']}.npy")
            for name, companion in COMPANIONS.items():
                if companion.of == TWO_VIEWS:
                    assert float(row[name]) == companion(*views), name
        else:
            assert row["alignment"] == row["lidar"] == ""


def test_without_the_head_there_is_nothing_to_compare_with(folder):
    _, companions = run(folder, layers=["trunk"])
    assert all(row["linear_cka_with_head"] == "" for row in companions)


def test_duplicate_images_have_infinite_energy_that_is_written(folder):
    head = np.load(folder / "head.npy")
    head[3] = 2 * head[7]
    np.save(folder / "head.npy", head)
    rows = [row for row in run(folder)[0] if row["layer"] == "head" and row["centred"] == "false"]
    assert len(rows) == 9
    for row in rows:
        assert (row["energy"], row["diversity"], row["n_duplicates"]) == ("inf", "-inf", "1")
        assert (row["energy_se"], row["effective_dimension"]) == ("", "")


def test_more_images_than_exact_are_a_random_subset_and_marked(folder, monkeypatch):
    monkeypatch.setattr(diversity, "EXACT_IMAGES", 20)
    energies, companions = run(folder)
    assert all((row["approximate"], row["n_images"]) == ("true", "20") for row in energies)
    assert len(companions) == 12
    monkeypatch.setattr(diversity, "EXACT_IMAGES", 30)
    exact = run(folder)[0]
    for row, whole in zip(energies, exact, strict=True):
        assert float(row["energy"]) == pytest.approx(
            float(whole["energy"]), abs=10 * float(row["energy_se"]) + 0.05
        )


def test_random_subsets_are_unbiased():
    x = np.random.default_rng(0).standard_normal((7, 4))
    means = [hyperspherical_energy(x[list(rows)], 1).value[1] for rows in itertools.combinations(range(7), 3)]
    assert np.mean(means) == pytest.approx(hyperspherical_energy(x, 1).value[1], rel=1e-12)
    drawn = hyperspherical_energy(x[diversity.random_rows(7, 3, seed=0)], 1).value[1]
    assert np.min(np.abs(np.array(means) - drawn)) < 1e-12
    assert drawn == hyperspherical_energy(x[diversity.random_rows(7, 3, seed=0)], 1).value[1]


def test_standard_error_of_random_subsets_is_their_spread():
    x = np.random.default_rng(0).standard_normal((4000, 10)) + 0.5
    exact = hyperspherical_energy(x, 1).value[1]
    drawn = [hyperspherical_energy(x[diversity.random_rows(4000, 100, seed)], 1) for seed in range(60)]
    values = np.array([energy.value[1] for energy in drawn])
    errors = np.array([energy.standard_error[1] for energy in drawn])
    assert abs(values.mean() - exact) < 4 * values.std() / math.sqrt(60)
    assert np.median(errors) == pytest.approx(values.std(), rel=0.4)


def damaged(change):
    def damage(folder):
        values = np.load(folder / "conv1.npy")
        np.save(folder / "conv1.npy", change(values))

    return damage


def with_row(value):
    def change(values):
        values[4] = value
        return values

    return damaged(change)


def equal_to_the_mean(folder):
    """Rows in pairs that cancel, so that the mean is exactly zero, as is row 4."""
    half = np.random.default_rng(0).integers(-9, 10, (14, 5)).astype(np.float32)
    rows = np.concatenate([half, -half, np.zeros((2, 5), np.float32)]) + 16
    rows[[4, 28]] = rows[[28, 4]]
    np.save(folder / "trunk.npy", rows)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (with_row(np.nan), r"conv1.npy: layer conv1, vector flatten: row 4 is not finite"),
        (with_row(np.inf), r"conv1.npy: layer conv1, vector flatten: row 4 is not finite"),
        (equal_to_the_mean, r"trunk.npy: layer trunk, vector flatten, centred: row 4 equals the mean"),
        (damaged(lambda values: values[:20]), r"res5.npy has 30 images, conv1.npy has 20"),
        (damaged(lambda values: values[:, 0]), r"conv1.npy: expected floats"),
        (damaged(lambda values: values.astype(int)), r"conv1.npy: expected floats"),
        (lambda folder: (folder / "conv1.npy").unlink(), r"conv1.npy does not exist"),
        (lambda folder: (folder / "conv1.npy").write_bytes(b"junk"), r"conv1.npy cannot be read"),
        (lambda folder: (folder / "conv1.npy").write_bytes(b""), r"conv1.npy cannot be read"),
        (
            lambda folder: np.save(folder / "views_head.npy", np.ones((3, 30, 8))),
            r"views_head.npy: expected 2 x N x C",
        ),
        (
            lambda folder: np.save(folder / "views_head.npy", np.full((2, 30, 8), np.nan)),
            r"views_head.npy: layer head: row 0 is not finite",
        ),
    ],
)
def test_bad_features_are_one_clear_error_and_write_nothing(folder, damage, message):
    damage(folder)
    with pytest.raises(InputError, match=message):
        run(folder)
    assert not (folder / "out").exists()


def many_images(folder, without=()):
    """Features of 200 images; those `without` are not written."""
    rng = np.random.default_rng(1)
    kept = np.setdiff1d(np.arange(200), without)
    for layer, shape in {"conv1": (16, 4, 4), "res5": (40, 1, 1), "trunk": (40,), "head": (8,)}.items():
        maps = rng.standard_normal((200, *shape), dtype=np.float32).clip(0) + 0.1
        np.save(folder / f"{layer}.npy", maps[kept])
    for layer in ("trunk", "head"):
        np.save(folder / f"views_{layer}.npy", rng.standard_normal((2, 200, 8), dtype=np.float32)[:, kept])


def test_an_image_that_is_zero_in_one_layer_is_left_out_of_all_and_counted(folder, tmp_path_factory):
    without = tmp_path_factory.mktemp("without")
    many_images(without, [4, 90])
    many_images(folder)
    for layer, row in (("conv1", 4), ("head", 90)):
        maps = np.load(folder / f"{layer}.npy")
        maps[row] = 0
        np.save(folder / f"{layer}.npy", maps)
    for layer in ("trunk", "head"):
        views = np.load(folder / f"views_{layer}.npy")
        views[1, [4, 90]] = 0
        np.save(folder / f"views_{layer}.npy", views)
    energies, companions = run(folder)
    expected, expected_companions = run(without)
    assert {(row["n_images"], row.pop("n_zero")) for row in energies} == {("198", "2")}
    assert {row.pop("n_zero") for row in expected} == {"0"}
    assert energies == expected
    assert companions == expected_companions


@pytest.mark.parametrize("rows", [range(3), range(200)])
def test_with_more_than_one_image_in_a_hundred_without_a_direction_nothing_is_measured(folder, rows):
    many_images(folder)
    maps = np.load(folder / "res5.npy")
    maps[list(rows)] = 0
    np.save(folder / "res5.npy", maps)
    energies, companions = run(folder)
    counts = {(row["n_images"], row["n_zero"]) for row in energies}
    assert counts == {(str(200 - len(rows)), str(len(rows)))}
    measured = ("energy", "diversity", "energy_se", "excess", "mean_cosine")
    assert {row[name] for row in energies for name in measured} == {""}  # nan
    assert {row[name] for row in companions for name in measures_of(companions)} == {""}
    assert [(row["layer"], row["vector"]) for row in companions] == [
        (layer, vector) for layer in LAYERS for vector in OPTIONS["vectors"]
    ]


def measures_of(companions):
    return [name for name in companions[0] if name not in ("layer", "vector", "measure_images")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"power": [1]}, "unrecognized arguments: --power 1"),
        ({"powers": [-1]}, "argument --powers: -1 is not a finite number >= 0"),
        ({"powers": [True]}, "argument --powers: true is not a finite number >= 0"),
        ({"powers": [math.inf]}, "argument --powers: Infinity is not a finite number >= 0"),
        ({"powers": [math.nan]}, "argument --powers: NaN is not a finite number >= 0"),
        ({"powers": ["one"]}, "argument --powers: one is not a finite number >= 0"),
        ({"powers": []}, "argument --powers: expected at least one argument"),
        ({"powers": [1, 1.0]}, "argument --powers: names something twice: 1 1.0"),
        ({"vectors": ["pooled"]}, "argument --vectors: invalid choice: 'pooled' (choose from"),
        ({"vectors": ["gap", "gap"]}, "argument --vectors: names something twice: gap gap"),
        ({"centred": [0]}, "argument --centred: invalid choice: '0' (choose from"),
        ({"centred": [True, True]}, "argument --centred: names something twice"),
        ({"layers": []}, "argument --layers: expected at least one argument"),
        ({"layers": ["head", "head"]}, "argument --layers: names something twice: head head"),
    ],
)
def test_bad_options_name_the_key(folder, changes, message, capsys):
    with pytest.raises(SystemExit) as ended:
        run(folder, **changes)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not (folder / "out").exists()


@pytest.mark.parametrize("missing", ["layers", "powers", "vectors", "centred"])
def test_a_missing_option_is_named(missing, capsys):
    with pytest.raises(SystemExit):
        stage.main(["--features", "a", *options(without=missing), "--energy", "e", "--measures", "m"])
    assert f"required: --{missing}" in capsys.readouterr().err


def test_a_layer_without_a_file_is_named(folder):
    with pytest.raises(InputError, match=r"block9\.npy does not exist"):
        run(folder, layers=["block9"])


def test_as_many_outputs_as_runs_are_asked_for(capsys):
    with pytest.raises(SystemExit):
        stage.main(["--features", "a", "b", *options(), "--energy", "e", "--measures", "m"])
    assert "must name as many runs" in capsys.readouterr().err


def test_stage_starts_without_heavy_libraries():
    """Which is what lets it start in less than half a second."""
    code = (
        "import sys; from feature_diversity.stages import energy; "
        "print([name for name in ('torch', 'pandas', 'scipy') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout == "[]\n"


def test_stage_runs_from_the_command_line(folder):
    arguments = ["--features", folder, *options()]
    arguments += ["--energy", folder / "energy.csv", "--measures", folder / "measures.csv"]
    subprocess.run([sys.executable, "-m", "feature_diversity", "energy", *map(str, arguments)], check=True)
    with_row(np.nan)(folder)
    failed = subprocess.run(
        [sys.executable, "-m", "feature_diversity", "energy", *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert failed.returncode == 1
    assert re.search(r"^error: .*conv1\.npy.*row 4 is not finite.*\n\Z", failed.stderr, re.MULTILINE)
    assert "Traceback" not in failed.stderr


def test_energies_of_a_second_set_of_images_stand_beside_the_first(folder):
    (folder / "second").mkdir()
    random = np.random.default_rng(5)
    for path in folder.glob("*.npy"):
        values = np.load(path)
        if not path.name.startswith("views"):
            np.save(folder / "second" / path.name, random.uniform(1, 2, values.shape).astype(np.float32))
    arguments = ["--features", str(folder), *options(), "--second"]
    arguments += ["--energy", str(folder / "e.csv"), "--measures", str(folder / "m.csv")]
    stage.main(arguments)
    rows = list(csv.DictReader((folder / "e.csv").open()))
    for row in rows:
        maps = np.load(folder / "second" / f"{row['layer']}.npy")
        x, s = readings.READINGS[row["vector"]](maps), float(row["s"])
        expected = hyperspherical_energy(x, [s], center=row["centred"] == "true").value[s]
        assert float(row["energy_2"]) == pytest.approx(expected, rel=1e-9)


def test_without_second_images_there_is_no_second_energy(folder):
    energies, _ = run(folder)
    assert all(row["energy_2"] in ("", "nan") for row in energies)


@pytest.fixture
def further(folder):
    """Pooled features of 100 further images beside the 30 held-out ones."""
    rng = np.random.default_rng(1)
    (folder / "further").mkdir()
    for layer in LAYERS:
        channels = np.load(folder / f"{layer}.npy").shape[1]
        np.save(folder / "further" / f"{layer}.npy", rng.standard_normal((100, channels)).clip(0) + 0.1)
    return folder


def run_further(folder):
    energy, companions = folder / "energy.csv", folder / "measures.csv"
    given = ["--features", str(folder), *options(), "--energy", str(energy), "--measures", str(companions)]
    stage.main([*given, "--further"])
    return [list(csv.DictReader(path.open())) for path in (energy, companions)]


def test_measures_of_pooled_features_take_more_images(further):
    plain, (energies, companions) = run(further), run_further(further)
    assert energies == plain[0]  # the paper's number of images
    held_out = [row for row in companions if row["measure_images"] == "30"]
    assert held_out == plain[1]
    assert companions[-len(held_out) :] == held_out  # a table that is cut off lacks what each must have
    sizes = {}
    for row in companions:
        sizes.setdefault((row["layer"], row["vector"]), []).append(int(row["measure_images"]))
    pooled = {key: [130, 60, 30] for key in sizes if key[0] != "conv1" or key[1] == "gap"}
    assert sizes == {key: [30] for key in sizes} | pooled
    head = np.concatenate([np.load(further / part / "head.npy") for part in (".", "further")])
    for row in companions:
        count = int(row["measure_images"])
        if row["vector"] != "gap":
            continue
        x = readings.gap(np.load(further / f"{row['layer']}.npy"))
        x = np.concatenate([x, np.load(further / "further" / f"{row['layer']}.npy")])[:count]
        assert float(row["diversity"]) == pytest.approx(-hyperspherical_energy(x, 1).value[1], rel=1e-10)
        for name in ("rankme", "two_nn", "participation_ratio"):
            assert float(row[name]) == COMPANIONS[name](measures.Features(x)), name
        cka = measures.linear_cka(measures.Features(x), measures.Features(head[:count]))
        assert float(row["linear_cka_with_head"]) == pytest.approx(cka)


def test_further_images_without_a_direction_are_left_out(further):
    path = further / "further" / "head.npy"
    x = np.load(path)
    x[7] = 0
    np.save(path, x)
    assert {row["measure_images"] for row in run_further(further)[1]} == {"30", "60", "129"}
    x[:20] = 0
    np.save(path, x)
    assert {row["measure_images"] for row in run_further(further)[1]} == {"30"}


def test_further_features_of_another_shape_are_named(further):
    np.save(further / "further" / "trunk.npy", np.ones((100, 3)))
    with pytest.raises(InputError, match=r"further/trunk\.npy: expected 100 x 40, got \(100, 3\)"):
        run_further(further)
