"""The report without a browser: what it is made of, what it refuses."""

import json
import re
from base64 import b64decode
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.report_study import LAYERS, make_report, study_table

from feature_diversity.base.errors import InputError
from feature_diversity.base.paths import STUDIES
from feature_diversity.base.reading import READING
from feature_diversity.base.run import RUN
from feature_diversity.base.stages import MAKERS, STAGES
from feature_diversity.figures.captions import TITLES
from feature_diversity.planning.settings import digest_of, stages_of
from feature_diversity.planning.study import Study
from feature_diversity.report import columns, links
from feature_diversity.report.behind import numbers_behind
from feature_diversity.report.page import main_picture
from feature_diversity.report.verdicts import NEEDED, read_claims, verdicts_of
from feature_diversity.stages import report as stage


@pytest.fixture
def table():
    return study_table()


@pytest.fixture
def runs(table):
    return table.drop_duplicates(RUN).sort_values(RUN, ignore_index=True)


def floats(text):
    return np.frombuffer(b64decode(text), dtype="<f4")


# --- columns ---


def test_columns_hold_every_runs_diversity_in_every_reading(table, runs):
    page, left_out = columns.columns_of(table, runs)
    assert left_out == []
    mine = table[(table["layer"] == "res2") & (table["vector"] == "gap") & (table["s"] == 2)]
    expected = runs[RUN].merge(mine, on=RUN, validate="one_to_one")["diversity"]
    assert floats(page["diversity"]["res2"]["gap, not centred, s = 2"]) == pytest.approx(expected)


def test_the_headline_comes_first_and_layers_in_the_networks_order(table, runs):
    page, _ = columns.columns_of(table.iloc[::-1], runs)
    assert list(page["diversity"]) == LAYERS
    assert next(iter(page["diversity"]["head"])) == "flatten, not centred, s = 1"


def test_infinite_and_missing_numbers_stay_what_they_are(table, runs):
    table.loc[table.index[:3], "diversity"] = [-np.inf, np.nan, -1.0]
    page, _ = columns.columns_of(table, runs)
    first = runs.merge(table.iloc[[0]][RUN], on=RUN, how="left", indicator=True)["_merge"] == "both"
    assert floats(page["diversity"]["conv1"]["flatten, not centred, s = 1"])[first] == -np.inf
    assert np.isnan(floats(page["diversity"]["conv1"]["flatten, not centred, s = 2"])[first])


def test_what_finds_no_room_is_told_and_the_headline_is_kept(table, runs, monkeypatch):
    monkeypatch.setattr(columns, "MOST", 7 * len(runs))
    page, left_out = columns.columns_of(table, runs)
    assert all("flatten, not centred, s = 1" in readings for readings in page["diversity"].values())
    kept = sum(len(part) for name in ("diversity", "layers") for part in page[name].values())
    told = [int(sentence.split()[0]) for sentence in left_out]
    assert kept + sum(told) == 5 * 4 + 5


def test_a_column_of_few_values_lists_them_once(runs):
    page = columns.few(runs["width"])
    codes = np.frombuffer(b64decode(page["codes"]), dtype="<u2")
    assert [page["levels"][code] for code in codes] == runs["width"].tolist()


# --- verdicts, numbers behind them ---


def test_every_claim_has_one_entry_with_all_its_readings(table, tmp_path):
    make_report(table, tmp_path)
    entries = verdicts_of(read_claims(tmp_path / "claims.csv"))
    assert len(entries) == 36
    by_name = {entry["claim"]: entry for entry in entries}
    assert len(by_name["C01"]["readings"]) == 4
    assert by_name["C14"]["readings"] == []  # about errors alone


def test_a_reading_has_zero_in_the_middle_of_its_scale(table, tmp_path):
    make_report(table, tmp_path)
    for entry in verdicts_of(read_claims(tmp_path / "claims.csv")):
        for reading in entry["readings"]:
            places = [place for place in reading["places"].values() if place is not None]
            assert all(0 <= place <= 100 for place in places)
            if reading["effect"] is not None:
                assert np.sign(reading["places"]["effect"] - 50) == np.sign(reading["effect"])


def test_numbers_behind_a_figure_are_means_over_its_seeds(table):
    behind = numbers_behind(table)["figure3"]
    row = next(row for row in behind["rows"] if row[0] == "RotNet")
    mine = table[(table["algorithm"] == "rotnet") & (table["epochs"] == 20)]
    head = mine[(mine["layer"] == "head") & (mine["vector"] == "flatten") & (mine["s"] == 1)]["diversity"]
    assert row[behind["head"].index("seeds")] == "3"
    assert row[behind["head"].index("head")] == f"{head.mean():.3g} ± {head.std():.2g}"


def test_an_infinite_seed_is_told_beside_the_mean_of_the_others(table):
    table.loc[(table["algorithm"] == "rotnet") & (table["seed"] == 1), "diversity"] = -np.inf
    behind = numbers_behind(table)["figure3"]
    row = next(row for row in behind["rows"] if row[0] == "RotNet")
    assert "(1 infinite)" in row[behind["head"].index("head")]


# --- links ---


def test_links_lead_to_the_files_that_are_there(runs, tmp_path):
    folder, training = links.folder_of(runs[RUN].iloc[0].to_dict())
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "history.csv").touch()
    log = tmp_path / "logs" / "pretrain" / f"{training}.log"
    log.parent.mkdir(parents=True)
    (log.parent / training).parent.mkdir(parents=True)
    log.touch()
    found = links.links_of(runs, tmp_path)
    there = np.frombuffer(b64decode(found["there"]), dtype="<u4")
    names = list(found["templates"])
    expected = 1 << names.index("history.csv") | 1 << names.index("log of pretrain of the training")
    assert there[0] == expected
    assert there[1] == 1 << names.index("log of pretrain of the training") or there[1] == 0
    assert found["without_history"] == len(runs) - 1


@pytest.mark.parametrize("maker", sorted(set(MAKERS.values())))
def test_the_log_of_whatever_stage_made_the_network_is_linked(runs, tmp_path, maker):
    folder, training = links.folder_of(runs[RUN].iloc[0].to_dict())
    logs = [
        f"{maker}/{training}.log" if maker == "pretrain" else f"{maker}/{folder}.log",
        f"extract/{folder}.log",
    ]
    for log in logs:
        (tmp_path / "logs" / log).parent.mkdir(parents=True)
        (tmp_path / "logs" / log).touch()
    found = links.links_of(runs, tmp_path)
    there = np.frombuffer(b64decode(found["there"]), dtype="<u4")
    linked = [path for bit, path in enumerate(found["templates"].values()) if there[0] & 1 << bit]
    assert [path.format(run=folder, training=training) for path in linked] == [f"logs/{log}" for log in logs]


def test_there_is_room_for_the_logs_of_all_stages(runs, tmp_path):
    for name in STAGES:
        (tmp_path / "logs" / name).mkdir(parents=True)
    assert len(links.links_of(runs, tmp_path)["templates"]) <= 32  # bits


@pytest.mark.parametrize(
    ("engine", "error_source"), [("native", "measured"), ("vissl", "measured"), ("zoo", "published")]
)
def test_the_page_shows_the_digests_of_the_studys_own_stages(table, tmp_path, engine, error_source):
    study = replace(Study.load(STUDIES / "demo.yaml"), engine=engine, error_source=error_source)
    code = {name: digest_of(study, name) for name in stages_of(study)}
    table.to_csv(tmp_path / "results.csv", index=False)
    pd.DataFrame(columns=NEEDED).to_csv(tmp_path / "claims.csv", index=False)
    page = tmp_path / "report.html"
    stage.main(["--table", str(tmp_path / "results.csv"), "--claims", str(tmp_path / "claims.csv"),
                "--figures", "none", "--stages", json.dumps(code), "--output", str(page),
                "--provenance", str(tmp_path / "provenance.json")])  # fmt: skip
    shown = re.search(r"<h3>Code</h3>(.*?)</div>", page.read_text(), re.DOTALL)[1]
    assert re.findall(r"<dt>(\w+)</dt><dd><code>(\w+)</code>", shown) == list(code.items())
    assert {name for name in MAKERS.values() if f"<dt>{name}</dt>" in shown} == {MAKERS[engine]}


# --- bad input ---


@pytest.mark.parametrize("content", ["", "claim,verdict\nC01,supported\n"])
def test_a_file_that_is_no_table_of_verdicts_is_refused_naming_it(table, tmp_path, content):
    page = make_report(table, tmp_path)
    page.unlink()
    (tmp_path / "claims.csv").write_text(content)
    with pytest.raises(InputError, match=r"claims\.csv"):
        stage.main(["--table", str(tmp_path / "results.csv"), "--claims", str(tmp_path / "claims.csv"),
                     "--figures", "none", "--output", str(page),
                     "--provenance", str(tmp_path / "p")])  # fmt: skip
    assert not page.exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"diversity": -np.inf}, "rows have an infinite energy"),
        ({"diversity": np.nan}, "rows have no diversity"),
        ({"test_error": np.nan}, "runs have no test error"),
        ({"val_error": np.nan}, "runs have no validation error"),
        ({"layer": "block7"}, "Layers of the paper that were not recorded: conv1, res2, res4, head"),
        ({"s": 2}, "The table has no row in the headline reading"),
        ({"seed": 1}, "networks have fewer than 5 seeds"),
        ({"epochs": 20}, "No untrained network"),
        ({"layer": np.nan}, "rows do not say which run or layer they belong to"),
        ({"figures": np.nan}, "claims cannot be tested with these runs"),
    ],
    ids=str,
)
def test_what_is_missing_is_told_and_the_report_comes(table, tmp_path, change, sentence):
    changed = table.assign(**change)
    keys = [*RUN, "layer", *READING]
    one_each = changed[changed[keys].isna().any(axis=1) | ~changed.duplicated(keys)]
    assert sentence in make_report(one_each, tmp_path).read_text()


def test_planned_runs_that_are_not_in_the_table_are_named(table, tmp_path):
    grid = {"algorithm": ["simclr"], "depth": [14], "width": [0.25], "norm": ["batchnorm"]}
    grid |= {"epochs": [5, 50], "seed": [1]}
    page = make_report(table, tmp_path, "--study", json.dumps({"grids": [grid]})).read_text()
    assert (
        "1 of the study&#39;s 2 runs are not in the table: simclr/resnet14_w0.25_batchnorm_ep50_seed1" in page
    )


def test_a_run_of_a_variant_has_its_folder_and_the_page_says_that_claims_leave_it_out(table, tmp_path):
    grid = {"algorithm": ["simclr"], "depth": [14], "width": [0.25], "norm": ["batchnorm"], "epochs": [5]}
    grid |= {"variant": ["cool"], "seed": [1, 2, 3, 4]}
    cool = table[table["seed"] > 1].assign(variant="cool")
    table = pd.concat([table[table["seed"] == 1], cool])
    page = make_report(table, tmp_path, "--study", json.dumps({"grids": [grid]})).read_text()
    assert (
        "2 of the study&#39;s 4 runs are not in the table: simclr/resnet14_w0.25_batchnorm_cool_ep5_seed1"
        in page
    )
    assert "24 of 36 runs are of variants of the recipe" in page
    runs = table.drop_duplicates(RUN).sort_values(RUN, ignore_index=True)
    assert "simclr/resnet14_w0.25_batchnorm_cool_ep5_seed2" in links.links_of(runs, tmp_path)["folders"]


def test_numbers_behind_a_figure_tell_the_variant_only_in_the_figure_of_variants(table):
    table["figures"] += " variants"
    other = table.assign(variant="cool", test_error=1.0)
    behind = numbers_behind(pd.concat([table, other]))
    assert behind["figure1"] == numbers_behind(table)["figure1"]
    assert "variant" not in behind["figure1"]["head"]
    place = behind["variants"]["head"].index("variant")
    assert {row[place] for row in behind["variants"]["rows"]} == {"cool", "default"}


def test_figures_of_the_paper_alone_have_a_number(table, tmp_path):
    table["figures"] += " variants"
    page = make_report(table, tmp_path, pictures=("figure1", "variants")).read_text()
    headings = re.findall(r"<h3>(.*)</h3>", page)
    assert f"Figure 1. {TITLES['figure1']}" in headings
    assert TITLES["variants"] in headings


def test_an_empty_table_of_verdicts_still_makes_a_page(table, tmp_path):
    page = make_report(table, tmp_path)
    pd.DataFrame(columns=NEEDED).to_csv(tmp_path / "claims.csv", index=False)
    stage.main(["--table", str(tmp_path / "results.csv"), "--claims", str(tmp_path / "claims.csv"),
                 "--figures", "none", "--output", str(page),
                 "--provenance", str(tmp_path / "p")])  # fmt: skip
    assert "The table of verdicts is empty" in page.read_text()


# --- gates ---


def test_the_page_opens_with_what_fails_a_gate_and_the_verdicts_that_hang_on_it(table, tmp_path):
    fails = (table["algorithm"] == "rotnet") & (table["epochs"] > 0)
    table = table.assign(gate_loss=fails.map({True: "fails", False: "passes"}))
    text = make_report(table, tmp_path).read_text()
    told = re.search(r'<p class="warning" id="gates">(.*?)</p>', text)[1]
    count = (
        "3 of 24 trained runs are of trainings that fail a gate (a loss that did not fall: 3). Without them"
    )
    assert told.startswith(count)
    verdicts = pd.read_csv(tmp_path / "claims.csv").query("headline")
    differ = verdicts[verdicts["verdict"] != verdicts["verdict_gated"]]
    assert len(differ)
    assert text.count("gated: ") == len(differ)
    page, _ = columns.columns_of(table, table.drop_duplicates(RUN).sort_values(RUN, ignore_index=True))
    assert page["names"]["gate_loss"]["levels"] == ["fails", "passes"]


def test_a_page_of_trainings_that_fail_nothing_says_nothing_of_gates(table, tmp_path):
    text = make_report(table, tmp_path).read_text()
    assert 'id="gates"' not in text
    assert "gated: " not in text


def test_the_first_picture_is_the_one_that_shows_most():
    def figure(name: str, points: int, picture: str = "data:") -> dict:
        return {"name": name, "points": points, "picture": picture}

    figures = [figure("figure1", 40), figure("figure3", 90), figure("figure4", 99, ""), figure("layers", 200)]
    assert main_picture(figures)["name"] == "figure3"
    assert main_picture([figure("figure1", 0), figure("layers", 5)]) is None
