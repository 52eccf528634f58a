"""The page of all keys is that of the schema and the recipes, and says what a message says."""

import re

import pytest
from support.checkout import ROOT

from feature_diversity.commands import keys
from feature_diversity.planning.recipe import algorithms, recipe


def test_docs_keys_is_what_the_command_prints(capsys):
    keys.main([])
    printed = capsys.readouterr().out
    written = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8")
    assert printed == written, "write it anew: python -m feature_diversity keys > docs/keys.md"


@pytest.mark.parametrize("algorithm", algorithms())
def test_every_key_of_a_recipe_stands_in_its_table_with_its_value(algorithm):
    section = keys.table_of(algorithm)
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]*)`", section, re.MULTILINE))
    assert list(rows) == list(recipe(algorithm))


def test_every_key_that_the_shipped_studies_use_is_on_the_page():
    page = keys.page()
    known = set(re.findall(r"^\| `([\w.]+)`", page, re.MULTILINE))
    for study in (ROOT / "workflow" / "studies").glob("*.yaml"):
        used = set(re.findall(r"^(\w+):", study.read_text(encoding="utf-8"), re.MULTILINE))
        assert used <= known, study.name
    assert "figures.FIGURE.epochs" in known
