"""What is published of a finished study is made anew from there, to the bit, and what differs is named."""

import os
import subprocess
import sys

import pandas as pd
import pytest
from support.checkout import Checkout, environment

pytestmark = pytest.mark.workflow


def command(checkout: Checkout, *arguments: str) -> subprocess.CompletedProcess:
    """Run a command of the package in the checkout."""
    ours = environment() | {"PYTHONPATH": str(checkout.folder / "src")}
    full = [sys.executable, "-m", "feature_diversity", *arguments]
    return subprocess.run(full, cwd=checkout.folder, env=ours, capture_output=True, text=True)


@pytest.fixture(scope="module")
def published(shared, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout with the tiny study finished and published in the folder `published`."""
    checkout = Checkout.finished(tmp_path_factory.mktemp("checkout"), shared)
    result = command(checkout, "publish", "published", "--study", "tiny")
    assert result.returncode == 0, result.stderr
    return checkout


def test_one_network_and_all_that_follows_from_the_table_is_made_anew_to_the_bit(published: Checkout):
    result = command(published, "reproduce", "published", "--work", "again")
    assert result.returncode == 0, result.stdout + result.stderr
    for what in ("claims.csv: ", "prediction.csv: ", " runs: "):
        line = next(line for line in result.stdout.splitlines() if what in line)
        assert line.endswith(" values, the same")
        assert int(line.split(": ")[1].split()[0].replace(",", "")) > 500


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  simclr:\n", "  simclr:\n    temperature: 0.3\n", "recipe: temperature is 0.1, expected 0.3"),
        ("seed: 1\n", "seed: [1, 7]\n", "of the study and not of its table"),
    ],
)
def test_results_of_a_study_that_was_edited_since_are_not_published(
    published: Checkout, old: str, new: str, said: str
):
    published.edit("workflow/studies/tiny.yaml", old, new)
    result = command(published, "publish", "edited", "--study", "tiny")
    published.edit("workflow/studies/tiny.yaml", new, old)
    assert result.returncode != 0
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert not (published.folder / "edited").exists()


def test_a_verdict_that_is_not_the_table_s_is_named(published: Checkout):
    path = published.folder / "published" / "claims.csv"
    text = path.read_bytes()
    claims = pd.read_csv(path)
    claims.loc[3, "verdict"] = "proven"
    claims.to_csv(path, index=False)
    result = command(published, "reproduce", "published", "--tables")
    path.write_bytes(text)
    assert result.returncode == 1
    assert f"  verdict: 1 of {len(claims):,} differ\n" in result.stdout
    assert "published was not reproduced" in result.stderr


def test_a_number_that_no_training_gives_is_named(published: Checkout):
    path = published.folder / "published" / "results.parquet"
    content = path.read_bytes()
    table = pd.read_parquet(path)
    table["n_params"] += 1  # which no verdict reads as more than an order
    table.to_parquet(path, index=False)
    result = command(published, "reproduce", "published", "--work", "again")
    path.write_bytes(content)
    assert result.returncode == 1
    assert "  n_params: " in result.stdout
    assert "by at most" in result.stdout


def test_a_study_that_is_not_finished_is_not_published(published: Checkout):
    path = published.results / "prediction.csv"
    aside = path.with_suffix(".aside")
    os.rename(path, aside)
    result = command(published, "publish", "elsewhere", "--study", "tiny")
    os.rename(aside, path)
    assert result.returncode == 1
    assert "prediction.csv does not exist: the study tiny is not finished" in result.stderr
    assert not (published.folder / "elsewhere").exists()
