import pandas as pd
import pytest

from feature_diversity import summary


@pytest.fixture
def csv(tmp_path):
    """A table of one network, untrained and after 10 epochs, two seeds, two rows a run."""
    rows = [
        {"dataset": "digits", "algorithm": "simclr", "depth": 14, "width": 0.5, "norm": "batchnorm"}
        | {"epochs": epochs, "seed": seed, "test_error": error, "layer": layer}
        for epochs, seed, error in [(0, 1, 0.5), (0, 2, 0.6), (10, 1, 0.2), (10, 2, 0.3)]
        for layer in ("conv1", "head")
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "results.csv", index=False)
    return tmp_path / "results.csv"


def test_runs_and_seeds_are_counted_once(csv):
    text = summary.summarise(pd.read_csv(csv), csv, csv.parent / "figures")
    assert text.splitlines()[0] == "digits: 4 runs, seeds 1, 2, up to 10 epochs"


def test_untrained_and_trained_stand_side_by_side_as_means_over_seeds(csv):
    lines = summary.summarise(pd.read_csv(csv), csv, csv.parent / "figures").splitlines()
    header, row = (line.split() for line in lines if "norm" in line)
    assert header == ["algorithm", "depth", "width", "norm", "untrained", "10", "epochs"]
    assert row == ["simclr", "14", "0.5", "batchnorm", "55.0", "25.0"]


def test_the_summary_says_where_to_look(csv):
    text = summary.summarise(pd.read_csv(csv), csv, csv.parent / "figures")
    assert str(csv) in text
    assert str(csv.parent / "figures") in text


def test_the_summary_is_written_or_printed(csv, tmp_path, capsys):
    arguments = ["--table", str(csv), "--figures", "figures"]
    summary.main([*arguments, "--output", str(tmp_path / "summary.txt")])
    assert capsys.readouterr().out == ""
    summary.main(arguments)
    assert capsys.readouterr().out.strip() == (tmp_path / "summary.txt").read_text().strip()
