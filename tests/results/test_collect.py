import csv
import itertools
import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from feature_diversity.algorithms import build
from feature_diversity.base.errors import InputError
from feature_diversity.base.paths import CHECKOUT
from feature_diversity.base.run import Run
from feature_diversity.measures.of_layers import ENERGY_COLUMNS, MEASURE_COLUMNS
from feature_diversity.networks import model
from feature_diversity.networks.resnet import resnet
from feature_diversity.planning.recipe import recipe
from feature_diversity.records.origin import model_digest
from feature_diversity.results import collect as tabulate
from feature_diversity.results.origins import facts_of
from feature_diversity.results.table import outcomes_in
from feature_diversity.stages import tabulate as stage

GRID = {
    "algorithm": ["simclr"],
    "depth": [14],
    "width": [1 / 64],
    "norm": ["batchnorm"],
    "epochs": [0, 5],
    "seed": [1],
}
FIGURES = {"figure1": [GRID], "figure3": [GRID | {"epochs": [5]}], "figure4": []}
RUN = Run("simclr", 14, 1 / 64, "batchnorm", 5, 1)
BEFORE = [
    *("dataset", "algorithm", "depth", "width", "norm", "variant", "epochs", "seed"),
    *("engine", "n_params", "figures"),
    "error_source",
    *("test_error", "val_error", "test_top1", "test_top5", "val_top1", "val_top5", "protocol", "penalty"),
]
STOPPING = [
    *("n_test", "test_error_se", "knn_test_error", "schedule", "pixel_error", "chance_error"),
    *("first_loss", "final_loss", "loss_noise", "early_stopped", "stopping_rule"),
    *("gate_loss", "gate_untrained", "gate_pixels", "gate_head"),
]
LAST = ["layer_test_error", "layer_val_error", "delta_mean_cosine", "delta_rankme"]
LOSSES = [9, 5, 4, 3, 2.5]


def write_run(folder, run):
    """What the stages before leave of a run; its energies and errors are made of its number of epochs."""
    trunk = resnet(run.depth, run.width, run.norm)
    values = recipe(run.algorithm)
    facts = {
        "network": run.network.facts,
        "recipe": values,
        "dataset": {"name": "digits"},
        "engine": "native",
        "epochs": run.epochs,
    }
    head = build(run.algorithm, values, trunk.out_channels, 64, 10).head
    model.write(folder / "model.safetensors", trunk, head, facts)
    facts = facts_of(folder / "model.safetensors")
    linear = dict.fromkeys(BEFORE[-8:-2], 0.5) | {"protocol": "cached", "penalty": 0.1}
    linear |= {"test_error": run.epochs / 10, "n_test": 80, "knn_test_error": 0.7}
    rows = [f"{epoch},{loss}" for epoch, loss in enumerate(LOSSES[: run.epochs], start=1)]
    (folder / "history.csv").write_text("\n".join(["epoch,loss", *rows]) + "\n")
    linear["layers"] = {"conv1": {"test_error": 0.8, "val_error": 0.9}}
    linear["model"] = model_digest(facts)
    (folder / "linear.json").write_text(json.dumps(linear))
    layers = [("conv1", "flatten"), ("conv1", "gap"), ("head", "flatten")]
    readings = itertools.product(layers, (False, True), (0, 1, 2))
    energies = [
        {"layer": layer, "vector": vector, "centred": centred, "s": s}
        | {"energy": run.epochs + s, "mean_cosine": 0.2}
        for (layer, vector), centred, s in readings
    ]
    measures = [
        {"layer": layer, "vector": vector, "mean_cosine": 0.3, "rankme": 10 * run.epochs + place}
        for place, (layer, vector) in enumerate(layers)
    ]
    for name, rows in (("energy.csv", energies), ("measures.csv", measures)):
        rows = [row | {"model": model_digest(facts)} for row in rows]
        with open(folder / name, "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    return trunk


def arguments(results, **changes):
    """Arguments of the stage."""
    values = {"figures": FIGURES, "runs": [GRID], "error_source": "measured"}
    values |= {"early_stopping": {"rule": "validation", "patience": 1}}
    values |= changes
    (results / "pixels.json").write_text(json.dumps({"test_error": 0.6, "chance_error": 0.9}))
    return [
        *("--results", str(results), "--csv", str(results / "results.csv")),
        *("--parquet", str(results / "results.parquet")),
        *("--early-stopping", json.dumps(values["early_stopping"])),
        *("--figures", json.dumps(values["figures"]), "--runs", json.dumps(values["runs"])),
        *("--error-source", values["error_source"], "--schedule", "trajectory"),
        *(("--pixels", str(results / "pixels.json")) if values["error_source"] == "measured" else ()),
    ]


@pytest.fixture
def results(tmp_path):
    """The results of a study of two runs."""
    for epochs in (0, 5):
        run = Run("simclr", 14, 1 / 64, "batchnorm", epochs, 1)
        (tmp_path / run.folder).mkdir(parents=True)
        write_run(tmp_path / run.folder, run)
    return tmp_path


@pytest.fixture
def table(results):
    """The table of that study."""
    stage.main(arguments(results))
    return pd.read_csv(results / "results.csv")


def test_the_table_has_a_row_for_each_run_layer_vector_centring_and_power(table):
    keys = ["epochs", "layer", "vector", "centred", "s"]
    assert len(table) == 2 * 3 * 2 * 3
    assert not table.duplicated(keys).any()


def test_the_columns_name_the_run_then_its_errors_then_the_reading(table):
    assert list(table) == [
        *BEFORE,
        *STOPPING,
        "layer",
        "vector",
        "centred",
        "s",
        "energy",
        "mean_cosine",
        "rankme",
        *LAST,
    ]


def test_a_run_is_named_in_each_of_its_rows(table):
    rows = table[table["epochs"] == 5]
    assert set(rows["dataset"]) == {"digits"}
    assert set(rows["algorithm"]) == {"simclr"}
    assert set(rows["width"]) == {1 / 64}
    assert set(rows["engine"]) == {"native"}


def test_energies_errors_and_measures_stay_with_their_run(table):
    assert (table["energy"] == table["epochs"] + table["s"]).all()
    assert (table["test_error"] == table["epochs"] / 10).all()


def test_measures_stay_with_their_layer_and_vector(table):
    row = table[(table["epochs"] == 5) & (table["layer"] == "conv1") & (table["vector"] == "gap")]
    assert set(row["rankme"]) == {51}


def test_the_mean_cosine_is_the_energys(table):
    assert set(table["mean_cosine"]) == {0.2}


def test_the_parameters_are_those_of_the_trunk(table):
    trunk = resnet(14, 1 / 64, "batchnorm")
    assert set(table["n_params"]) == {sum(parameter.numel() for parameter in trunk.parameters())}


def test_layernorm_parameters_are_counted(results):
    run = Run("supervised", 26, 1 / 32, "layernorm", 1, 1)
    (results / run.folder).mkdir(parents=True)
    trunk = write_run(results / run.folder, run)
    path = results / run.folder / "model.safetensors"
    facts = tabulate.model_facts(path, facts_of(path))
    assert facts["n_params"] == sum(parameter.numel() for parameter in trunk.parameters())


def test_each_run_names_the_figures_that_show_it(table):
    assert table.groupby("epochs")["figures"].unique().map(list).to_dict() == {
        0: ["figure1"],
        5: ["figure1 figure3"],
    }


def test_a_run_that_no_figure_shows_is_in_the_table(results):
    stage.main(arguments(results, figures={"figure3": FIGURES["figure3"]}))
    table = pd.read_csv(results / "results.csv")
    assert set(table[table["epochs"] == 0]["figures"].isna()) == {True}


def test_errors_measured_here_say_so(table):
    assert set(table["error_source"]) == {"measured"}


def test_published_errors_need_no_linear_evaluation_and_say_so(results):
    for path in results.rglob("model.safetensors"):
        (path.parent / "linear.json").unlink()
        before = tabulate.facts_of(path)
        facts = before | {"engine": "zoo", "head": None, "released": {"test_error": 0.25}}
        model.write(path, resnet(14, 1 / 64), None, facts)
        for part in path.parent.glob("*.csv"):
            part.write_text(part.read_text().replace(model_digest(before), model_digest(facts_of(path))))
    stage.main(arguments(results, error_source="published"))
    table = pd.read_csv(results / "results.csv")
    assert set(table["error_source"]) == {"published"}
    assert set(table["test_error"]) == {0.25}
    assert set(table["test_top1"]) == {0.75}
    for column in ("test_error_se", "pixel_error", "chance_error", "final_loss"):
        assert table[column].isna().all()
    assert set(table.loc[table["epochs"] > 0, "gate_loss"]) == {"unknown"}
    assert table["val_error"].isna().all()  # nothing was validated, so nothing may be chosen by it


def test_parquet_and_csv_hold_the_same(table, results):
    parquet = pd.read_parquet(results / "results.parquet")
    pd.testing.assert_frame_equal(parquet, table, check_dtype=False)


def test_tabulating_twice_gives_the_same_bytes(table, results):
    before = (results / "results.csv").read_bytes(), (results / "results.parquet").read_bytes()
    stage.main(arguments(results))
    assert ((results / "results.csv").read_bytes(), (results / "results.parquet").read_bytes()) == before


def test_a_missing_model_is_named(command, results):
    path = results / RUN.folder / "model.safetensors"
    path.unlink()
    done = command("tabulate", *arguments(results))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: {path} is not a model of this package")
    assert "Traceback" not in done.stderr
    assert not (results / "results.csv").exists()


def test_runs_of_a_variant_stand_beside_those_of_the_default_one(results):
    for epochs in (0, 5):
        run = replace(RUN, variant="cool", epochs=epochs)
        (results / run.folder).mkdir(parents=True)
        write_run(results / run.folder, run)
    stage.main(arguments(results, runs=[GRID, GRID | {"variant": ["cool"]}]))
    runs = pd.read_csv(results / "results.csv").drop_duplicates(["variant", "epochs"])
    assert runs["variant"].tolist() == ["cool", "cool", "default", "default"]
    assert runs.groupby("variant")["early_stopped"].sum().tolist() == [1, 1]  # each is a training of its own


def test_a_model_of_another_variant_is_named(results):
    cool = replace(RUN, variant="cool")
    (results / cool.folder).mkdir()
    write_run(results / cool.folder, RUN)
    with pytest.raises(
        InputError, match=r"norm_cool_ep5_seed1/model\.safetensors is a model of .*norm_ep5_seed1, expected"
    ):
        stage.main(arguments(results, runs=[GRID | {"variant": ["cool"], "epochs": [5]}]))


def test_a_model_of_another_run_is_named(results):
    other = Run("simclr", 14, 1 / 64, "batchnorm", 0, 1)
    content = (results / other.folder / "model.safetensors").read_bytes()
    (results / RUN.folder / "model.safetensors").write_bytes(content)
    with pytest.raises(
        InputError, match=r"_ep5_seed1/model\.safetensors is a model of .*_ep0_seed1, expected"
    ):
        stage.main(arguments(results))


@pytest.mark.parametrize(
    "content", [b"", b"words", b"\x08\0\0\0\0\0\0\0{}      "], ids=["empty", "text", "no facts"]
)
def test_a_file_that_is_no_model_is_named(results, content):
    (results / RUN.folder / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"model\.safetensors is not a model of this package"):
        stage.main(arguments(results))


def test_the_error_of_a_layer_stands_in_its_rows_alone(table):
    assert set(table.loc[table["layer"] == "conv1", "layer_test_error"]) == {0.8}
    assert set(table.loc[table["layer"] == "conv1", "layer_val_error"]) == {0.9}
    assert table.loc[table["layer"] != "conv1", "layer_test_error"].isna().all()


def test_the_run_at_which_a_training_is_stopped_is_marked_with_the_rule(results):
    stage.main(arguments(results, early_stopping={"rule": "patience", "patience": 2}))
    table = pd.read_csv(results / "results.csv")
    assert (table["early_stopped"] == (table["epochs"] == 5)).all()
    assert set(table["stopping_rule"]) == {"patience 2"}


@pytest.mark.parametrize("lines", [1, 2, 5, 13])
@pytest.mark.parametrize("name", ["energy.csv", "measures.csv"])
def test_a_table_cut_off_at_a_line_is_named(results, name, lines):
    path = results / RUN.folder / name
    text = path.read_text().splitlines(keepends=True)
    path.write_text("".join(text[: min(lines, len(text) - 1)]))
    with pytest.raises(InputError, match=r"\.csv has \d+ rows, expected \d+; delete it"):
        stage.main(arguments(results))


def test_a_linear_evaluation_without_its_keys_is_named(results):
    (results / RUN.folder / "linear.json").write_text("{}")
    with pytest.raises(InputError, match=r"linear\.json has no test_error, val_error, .*delete it"):
        stage.main(arguments(results))


ASKED = {"few_shot": {"shots": [1], "episodes": 9}}
EXPECTED = {
    "engine": "zoo",  # of which no recipe is compared
    "linear_evaluation": None,
    "outcomes": ASKED,
    "outcome_epochs": [0, 5],
}


def with_outcomes(results, **changes):
    """Arguments of the stage of a study that asks for outcomes, which all runs have."""
    for path in results.rglob("model.safetensors"):
        model.write(path, resnet(14, 1 / 64), None, facts_of(path) | {"engine": "zoo"})
        facts = facts_of(path)
        content = {"columns": {"few_shot_1_test_error": 0.3, "few_shot_1_test_error_se": 0.02}}
        content |= {"options": ASKED, "model": model_digest(facts)} | changes
        path.with_name("outcomes.json").write_text(json.dumps(content))
        linear = json.loads(path.with_name("linear.json").read_text()) | {"model": model_digest(facts)}
        path.with_name("linear.json").write_text(json.dumps(linear))
        for part in path.parent.glob("*.csv"):
            part.write_text(re.sub(r"\b[0-9a-f]{16}\b", model_digest(facts), part.read_text()))
    return [*arguments(results), "--expected", json.dumps(EXPECTED)]


def test_outcomes_are_columns_of_the_table(results):
    stage.main(with_outcomes(results))
    table = pd.read_csv(results / "results.csv")
    assert set(table["few_shot_1_test_error"]) == {0.3}
    assert set(table["few_shot_1_test_error_se"]) == {0.02}
    assert outcomes_in(table) == ["test_error", "knn_test_error", "few_shot_1_test_error"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": {}}, r"outcomes\.json is of the options \{\}, expected .*episodes.*; delete it"),
        ({"model": "another"}, r"outcomes\.json is of the model another, expected .*; delete it"),
    ],
)
def test_outcomes_of_other_options_or_another_model_are_refused(results, changes, message):
    with pytest.raises(InputError, match=message):
        stage.main(with_outcomes(results, **changes))


def test_outcomes_of_the_last_networks_alone_are_missing_of_the_others(results):
    given = with_outcomes(results)
    (results / RUN.network.after(0).folder / "outcomes.json").unlink()
    given[-1] = json.dumps(EXPECTED | {"outcome_epochs": [5]})
    stage.main(given)
    table = pd.read_csv(results / "results.csv")
    assert (table["few_shot_1_test_error"].isna() == (table["epochs"] == 0)).all()


def test_missing_outcomes_are_named(results):
    given = with_outcomes(results)
    (results / RUN.folder / "outcomes.json").unlink()
    with pytest.raises(InputError, match=r"outcomes\.json cannot be read .*; delete it"):
        stage.main(given)


def test_outcomes_that_nobody_asks_for_are_no_columns(results):
    with_outcomes(results)
    stage.main(arguments(results))
    assert "few_shot_1_test_error" not in pd.read_csv(results / "results.csv")


def test_a_model_without_its_facts_is_named(results):
    path = results / RUN.folder / "model.safetensors"
    model.write(path, resnet(14, 1 / 64), resnet(14, 1 / 64), {"network": {}})
    with pytest.raises(InputError, match=r"model\.safetensors .* metadata have no dataset, engine, epochs"):
        stage.main(arguments(results))


def test_a_table_without_a_column_is_named(results):
    path = results / RUN.folder / "energy.csv"
    pd.read_csv(path).drop(columns="energy").to_csv(path, index=False)
    with pytest.raises(InputError, match=r"energy\.csv has no column energy"):
        stage.main(arguments(results))


def test_losses_are_of_the_first_and_the_last_epoch_and_an_untrained_network_has_none(table):
    losses = table.drop_duplicates("epochs").set_index("epochs")[["first_loss", "final_loss"]]
    assert losses.loc[5].tolist() == [9, 2.5]
    assert losses.loc[0].isna().all()


def test_the_standard_error_is_that_of_the_test_images(table):
    rows = table.drop_duplicates("epochs").set_index("epochs")
    assert rows.loc[5, "test_error_se"] == pytest.approx((0.5 * 0.5 / 80) ** 0.5)


def test_errors_without_a_network_are_the_same_in_every_row(table):
    assert set(table["pixel_error"]) == {0.6}
    assert set(table["chance_error"]) == {0.9}
    assert set(table["schedule"]) == {"trajectory"}


def test_measures_lose_their_value_before_training(table):
    rows = table[(table["epochs"] == 5) & (table["layer"] == "head")]
    assert set(rows["delta_rankme"]) == {50}


def test_a_history_of_another_length_is_named(results):
    (results / RUN.folder / "history.csv").write_text("loss\n9\n")
    with pytest.raises(InputError, match=r"history\.csv has 1 rows, expected the losses of 5 epochs; delete"):
        stage.main(arguments(results))


def test_a_missing_history_is_named(results):
    (results / RUN.folder / "history.csv").unlink()
    with pytest.raises(InputError, match=r"history\.csv cannot be read .*; delete it"):
        stage.main(arguments(results))


def test_an_error_of_pixels_without_its_keys_is_named(results):
    given = arguments(results)
    (results / "pixels.json").write_text("{}")
    with pytest.raises(InputError, match=r"pixels\.json has no test_error, chance_error; delete it"):
        stage.main(given)


def test_every_column_is_explained_beside_the_results(table):
    explained = set(re.findall(r"`(\w+)`", (CHECKOUT / "results" / "README.md").read_text()))
    columns = {*table, *ENERGY_COLUMNS, *MEASURE_COLUMNS}
    assert {column for column in columns if not column.startswith("delta_")} <= explained
    assert "delta_NAME" in explained


def test_dead_units_are_those_of_the_last_epoch_of_a_training_with_a_penalty(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss,dead_units\n1,3.0,0.5\n2,2.0,0.25\n")
    found = tabulate.losses(path, "native", 2)
    assert (found["first_loss"], found["final_loss"], found["dead_units"]) == (3, 2, 0.25)
    path.write_text("epoch,loss\n1,3.0\n2,2.0\n")
    assert list(tabulate.losses(path, "native", 2)) == ["first_loss", "final_loss", "loss_noise"]


def test_the_table_calls_the_images_as_the_study_does(results):
    stage.main([*arguments(results), "--data-set", "birds"])
    table = pd.read_csv(results / "results.csv")
    assert set(table["dataset"]) == {"birds"}
    assert next(iter(table)) == "dataset"


def test_the_table_has_the_measures_of_most_images_and_another_those_of_all_numbers(results):
    for epochs in (0, 5):
        path = results / replace(RUN, epochs=epochs).folder / "measures.csv"
        few = pd.read_csv(path).assign(measure_images=30, diversity=-2.0)
        many = few[few["vector"] == "gap"].assign(measure_images=60, rankme=77.0)
        pd.concat([many, few]).to_csv(path, index=False)
    counts = results / "image_counts.csv"
    stage.main([*arguments(results), "--image-counts", str(counts)])
    table = pd.read_csv(results / "results.csv")
    assert len(table) == 2 * 3 * 2 * 3
    assert set(table.loc[table["vector"] == "gap", "rankme"]) == {77}
    assert set(table.loc[table["vector"] == "flatten", "measure_images"]) == {30}
    assert "diversity" not in table  # measures.csv has one of these images, but the table's is energy.csv's
    found = pd.read_csv(counts)
    assert len(found) == 4  # two runs, two numbers of images of the one pooled reading
    assert list(found)[:2] == ["dataset", "algorithm"]
    assert found.groupby("measure_images")["rankme"].nunique().to_dict() == {30: 2, 60: 1}


def test_a_reading_without_its_fewest_images_was_cut_off(results):
    path = results / RUN.folder / "measures.csv"
    few = pd.read_csv(path).assign(measure_images=30)
    pd.concat([few[few["vector"] == "gap"].assign(measure_images=60), few.iloc[:2]]).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"measures\.csv has 2 rows, expected 3"):
        stage.main(arguments(results))
