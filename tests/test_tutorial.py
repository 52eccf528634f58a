"""The tutorial's cells run, one after the other, as a reader runs them, and show what the text says."""

import json

import matplotlib as mpl
import pytest
from support.paths import ROOT
from support.report_study import study_table

TUTORIAL = ROOT / "docs" / "tutorial.ipynb"


@pytest.fixture(scope="module")
def cells() -> list[dict]:
    return json.loads(TUTORIAL.read_text(encoding="utf-8"))["cells"]


@pytest.mark.filterwarnings("ignore:.*near the length")
def test_the_tutorial_runs(cells, tmp_path, monkeypatch, capsys):
    (tmp_path / "results/demo").mkdir(parents=True)
    study_table().to_csv(tmp_path / "results/demo/results.csv", index=False)
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    names: dict = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{TUTORIAL}: {cell['id']}", "exec"), names)
    names["plt"].close("all")
    assert list(names["diversity"].index)[-1] == "fc"
    assert (names["diversity"]["value"] < 0).all()
    assert set(names["histories"][1].epoch) == set(range(6))
    last = {
        weight: history[(history.measure == "diversity") & (history.epoch == 5)].value.item()
        for weight, history in names["histories"].items()
    }
    assert last[1] > last[0]  # what the energy in the loss is for
    assert capsys.readouterr().out.count("test error") == 2
    assert names["ranks"].between(-1, 1).all()


def test_it_is_kept_without_outputs_and_its_links_are_pages(cells):
    for cell in cells:
        assert not cell.get("outputs")
        for word in "".join(cell["source"]).replace("(", " ").replace(")", " ").split():
            if word.rstrip(".,:").endswith(".md"):
                assert (ROOT / "docs" / word.rstrip(".,:")).exists(), word
