"""The stage `claims`: its table, published numbers, and tables with something missing."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from support.claims_scenarios import SCENARIOS
from support.claims_tables import HEADLINE, results

from feature_diversity.base.errors import InputError
from feature_diversity.claims import judge as claims
from feature_diversity.claims.evidence import (
    AS_PUBLISHED,
    CONTRADICTED,
    NOT_AS_PUBLISHED,
    NOT_TESTABLE,
    SUPPORTED,
    VERDICTS,
)
from feature_diversity.stages import claims as stage

OTHER = HEADLINE | {"s": 2}
ABOUT_ERRORS = {"C09", "C14", "C15", "C19", "C20", "C22", "C28", "C29", "C32"}

# What VISSL published for the networks it released: figures, algorithm, depth, width, epochs, error (%).
RELEASED = [
    *[("figure1 figure2", "simclr", 50, 1, epochs, error) for epochs, error in
      [(100, 35.60), (200, 33.39), (400, 32.29), (800, 30.32), (1000, 31.20)]],
    *[("figure1 figure2", "simclr", 50, 2, epochs, error) for epochs, error in [(100, 30.18), (1000, 26.16)]],
    ("figure1 figure2", "simclr", 50, 4, 1000, 28.39),
    *[("figure2", "simclr", 101, 1, epochs, error) for epochs, error in [(100, 37.24), (1000, 28.44)]],
    ("figure3", "jigsaw", 50, 1, 105, 53.27),
    ("figure3", "rotnet", 50, 1, 105, 51.80),
    ("figure3", "supervised", 50, 1, 105, 24.55),
    ("figure3", "npid", 50, 1, 200, 47.27),
    ("figure3", "pirl", 50, 1, 200, 37.45),
    ("figure3", "deepclusterv2", 50, 1, 400, 29.99),
]  # fmt: skip


@pytest.fixture(scope="module")
def study() -> pd.DataFrame:
    """A table of results with all four figures and two readings."""
    parts = [SCENARIOS[claim](4, draw=number) for number, claim in enumerate(["C04", "C15", "C20", "C31"])]
    return results(*parts, readings=(HEADLINE, OTHER))


@pytest.fixture(scope="module")
def verdicts(study) -> pd.DataFrame:
    return claims.judge(study)


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    """The released networks' verdicts, from their published errors alone."""
    table = pd.DataFrame(RELEASED, columns=["figures", "algorithm", "depth", "width", "epochs", "test_error"])
    table["n_params"] = 23.5e6 * table["depth"] / 50 * table["width"] ** 2
    table["test_error"] /= 100
    table.loc[table["algorithm"].eq("simclr") & table["epochs"].eq(200), "figures"] += " figure3"
    known = {"dataset": "imagenet", "norm": "batchnorm", "variant": "default", "seed": 0}
    known |= {"error_source": "published"}
    table = table.assign(**known, val_error=np.nan)
    return claims.judge(table).set_index("claim")


def of(verdicts: pd.DataFrame, claim: str) -> pd.Series:
    """The row of a claim in the headline reading."""
    return verdicts[verdicts["headline"] & (verdicts["claim"] == claim)].iloc[0]


def test_a_claim_has_a_row_for_each_reading_and_one_on_errors_alone_has_one(verdicts):
    rows = verdicts.groupby("claim").size()
    assert rows.to_dict() == {claim: 1 if claim in ABOUT_ERRORS else 2 for claim in claims.JUDGES}
    errors = verdicts[verdicts["claim"].isin(ABOUT_ERRORS)]
    assert errors[["vector", "centred", "s"]].isna().all(axis=None)
    assert errors["headline"].all()
    readings = verdicts[~verdicts["claim"].isin(ABOUT_ERRORS)]
    assert (readings["headline"] == (readings["s"] == 1)).all()


def test_every_row_has_a_verdict_that_its_basis_can_give_and_a_sentence(verdicts):
    for row in verdicts.itertuples():
        assert row.verdict in VERDICTS[row.basis]
    assert verdicts["note"].str.endswith(".").all()
    assert verdicts["text"].str.len().gt(10).all()


def test_a_verdict_needs_p_and_the_claims_that_it_rests_on(verdicts):
    tested = verdicts[verdicts["basis"].eq("test")]
    assert (tested["verdict"].eq(SUPPORTED) <= tested["p"].le(0.05)).all()
    assert (tested["verdict"].eq(CONTRADICTED) <= tested["p_opposed"].le(0.05)).all()
    assert (tested["p"] >= tested["p_alone"]).all()
    assert (tested["p_opposed"] >= tested["p_opposed_alone"]).all()
    gated = verdicts[verdicts["headline"]].set_index("claim")["p"]
    assert gated["C33"] >= gated["C04"]
    assert gated["C26"] >= gated["C24"]


def test_seeds_are_counted_and_what_they_can_find_is_told(verdicts):
    row = of(verdicts, "C10")
    assert row["n_seeds"] == 5
    assert row["smallest_sd"] > 2
    assert f"only effects from {row['smallest']:.2g} on" in row["note"]


def test_the_note_says_on_which_data_and_which_the_paper_used(verdicts):
    assert "judged on digits, while the paper used cifar100" in of(verdicts, "C31")["note"]


def test_the_interaction_of_depth_and_epochs_needs_two_numbers_of_epochs(verdicts):
    row = of(verdicts, "C29")
    assert row["verdict"] == NOT_TESTABLE
    assert row["note"] == "Needs 2 values of epochs or more, the runs have 30."


def test_untrained_networks_are_no_number_of_epochs(study, verdicts):
    untrained = study[study["epochs"] == 100].assign(epochs=0, diversity=9.0, energy=-9.0)
    with_them = claims.judge(pd.concat([study, untrained], ignore_index=True))
    assert of(with_them, "C10")["effect"] == of(verdicts, "C10")["effect"]


# --- published numbers ---


@pytest.mark.parametrize("claim", ["C09", "C15", "C19", "C20", "C22"])
def test_published_errors_alone_support_what_the_paper_read_off_them(published, claim):
    assert published.loc[claim, ["verdict", "basis"]].tolist() == [AS_PUBLISHED, "published"]
    assert published.loc[claim, "note"].startswith("By published numbers (one run each)")
    assert np.isnan(published.loc[claim, "p"])


def test_published_errors_fall_with_epochs_but_for_the_last_step(published):
    assert published.loc["C14", "verdict"] == NOT_AS_PUBLISHED
    assert "in 10 of 11 comparisons" in published.loc["C14", "note"]


def test_without_energies_nothing_is_said_about_diversity(published):
    about = published[~published.index.isin(ABOUT_ERRORS)]
    assert set(about["verdict"]) == {NOT_TESTABLE}
    assert about["note"].str.contains("no energies|no trained run").all()


def test_one_measured_run_is_no_published_number(study):
    one = study[study["seed"] == 1]
    verdicts = claims.judge(one)
    for claim in ("C09", "C19", "C20", "C22"):
        assert of(verdicts, claim)["verdict"] == NOT_TESTABLE
        assert "two seeds" in of(verdicts, claim)["note"]


# --- tables with something missing ---


CASES = [
    "holes", "infinite energies", "seeds missing here and there", "one seed", "one algorithm", "one figure",
    "no layer of the paper", "no figure", "no errors", "other readings", "only untrained networks",
    "no column of energies",
]  # fmt: skip


def broken(study: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The table with something missing, by case."""
    rng = np.random.default_rng(0)
    holes = study.copy()
    holes.loc[rng.choice(holes.index, 200, replace=False), ["diversity", "energy"]] = np.nan
    infinite = study.copy()
    infinite.loc[infinite["layer"].eq("head") & infinite["seed"].eq(1), "diversity"] = -np.inf
    infinite["energy"] = -infinite["diversity"]
    uneven = study[~((study["seed"] > 2) & (study["epochs"] == 400))]
    return {
        "holes": holes,
        "infinite energies": infinite,
        "seeds missing here and there": uneven,
        "one seed": study[study["seed"] == 1],
        "one algorithm": study[study["algorithm"] == "simclr"],
        "no layer of the paper": study.assign(layer="stem"),
        "one figure": study[study["figures"].eq("figure4")],
        "no figure": study.assign(figures=np.nan),
        "no errors": study.assign(test_error=np.nan, val_error=np.nan),
        "other readings": study[study["s"] == 2],
        "only untrained networks": study.assign(epochs=0),
        "no column of energies": study.drop(columns=["energy", "diversity", "layer"]),
    }


@pytest.mark.parametrize("case", CASES)
def test_verdicts_come_whatever_is_missing(study, case):
    verdicts = claims.judge(broken(study)[case])
    assert set(verdicts["claim"]) == set(claims.JUDGES)
    assert verdicts["verdict"].notna().all()
    assert verdicts["note"].str.len().gt(5).all()
    assert verdicts[verdicts["headline"]]["claim"].is_unique


def test_runs_left_out_are_counted_in_the_note(study):
    note = of(claims.judge(broken(study)["holes"]), "C02")["note"]
    assert "of 75 runs without a value of res4 or res2 or head left out" in note


def test_runs_with_an_infinite_energy_stay_and_are_counted_in_the_note(study):
    row = of(claims.judge(broken(study)["infinite energies"]), "C02")
    assert row["n_runs"] == 75
    assert "15 of 75 runs with an infinite energy" in row["note"]


def test_a_missing_layer_is_named(study):
    row = of(claims.judge(study[study["layer"] != "res2"]), "C03")
    assert row["verdict"] == NOT_TESTABLE
    assert row["note"] == "The table has no layer res2."


# --- the command ---


def test_the_stage_writes_the_table_and_counts_the_verdicts(study, tmp_path, capsys):
    study.to_csv(tmp_path / "results.csv", index=False)
    arguments = ["--table", str(tmp_path / "results.csv"), "--output", str(tmp_path / "claims.csv")]
    stage.main(arguments)
    written = pd.read_csv(tmp_path / "claims.csv")
    counts = written[written["headline"]]["verdict"].value_counts()
    assert sum(counts) == 36
    assert f"{counts[SUPPORTED]} supported" in capsys.readouterr().out
    first = (tmp_path / "claims.csv").read_bytes()
    stage.main(arguments)
    assert (tmp_path / "claims.csv").read_bytes() == first


def test_torch_and_statsmodels_are_not_imported_to_start():
    slow = "{'torch', 'statsmodels', 'matplotlib'}"
    program = f"import sys, feature_diversity.stages.claims; print({slow} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read as a table"),
        ("a,b\n1,2\n", "has no column dataset"),
        ("dataset,algorithm,depth,width,norm,epochs,seed,test_error\n", "has no rows"),
    ],
)
def test_what_is_no_table_of_results_is_refused(tmp_path, content, message):
    (tmp_path / "results.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        stage.main(["--table", str(tmp_path / "results.csv"), "--output", str(tmp_path / "claims.csv")])
    assert not (tmp_path / "claims.csv").exists()


def test_claims_are_judged_on_the_default_variant_alone(study, tmp_path):
    other = study.assign(variant="cool", test_error=study["test_error"].iloc[::-1].to_numpy())
    pd.concat([study, other]).to_csv(tmp_path / "both.csv", index=False)
    study.drop(columns="variant").to_csv(tmp_path / "old.csv", index=False)
    for name in ("both", "old"):
        stage.main(["--table", str(tmp_path / f"{name}.csv"), "--output", str(tmp_path / f"of_{name}.csv")])
    assert (tmp_path / "of_both.csv").read_bytes() == (tmp_path / "of_old.csv").read_bytes()


def test_without_a_run_of_the_default_variant_no_claim_can_be_tested(study, tmp_path):
    study.assign(variant="cool").to_csv(tmp_path / "results.csv", index=False)
    stage.main(["--table", str(tmp_path / "results.csv"), "--output", str(tmp_path / "claims.csv")])
    written = pd.read_csv(tmp_path / "claims.csv")
    assert len(written) == len(claims.JUDGES)
    assert set(written["verdict"]) == set(written["verdict_gated"]) == {NOT_TESTABLE}


def test_a_mixture_of_data_sets_is_refused(study, tmp_path):
    pd.concat([study, study.assign(dataset="other")]).to_csv(tmp_path / "results.csv", index=False)
    with pytest.raises(InputError, match=r"mixes data sets \(digits, other\)"):
        claims.read_table(tmp_path / "results.csv")
