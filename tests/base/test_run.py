"""A run's folder names it, and is read back as the run in one way alone."""

import re
from dataclasses import asdict, replace

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from snakemake.io import regex_from_filepattern, update_wildcard_constraints
from support.paths import ROOT

from feature_diversity.base.paths import SCHEMAS
from feature_diversity.base.run import CELL, CONFIGURATION, NETWORK, RUN, RUN_FOLDER, Network, Run, expand

PLAIN = Run("simclr", 50, 1.0, "batchnorm", 100, 1)
GRID = {axis: [value] for axis, value in asdict(PLAIN).items() if axis != "variant"}
NAMES = yaml.safe_load((SCHEMAS / "study.schema.yaml").read_text())["properties"]["variants"]["propertyNames"]
RUNS = st.builds(
    Run,
    algorithm=st.sampled_from(["simclr", "deepclusterv2", "ep_1"]),
    depth=st.integers(1, 200),
    width=st.integers(1, 512).map(lambda width: width / 64),
    norm=st.sampled_from(["batchnorm", "layernorm"]),
    variant=st.one_of(st.just("default"), st.from_regex(NAMES["pattern"], fullmatch=True)),
    epochs=st.integers(0, 1000),
    seed=st.integers(0, 1000),
)


def read(folder: str) -> Run:
    """The run whose folder Snakemake sees, by the constraints of the workflow."""
    text = (ROOT / "workflow" / "rules" / "common.smk").read_text()
    constraints = dict(
        re.findall(r'^    (\w+)="(.+)",$', text.split("wildcard_constraints:")[1], re.MULTILINE)
    )
    pattern = update_wildcard_constraints(RUN_FOLDER, constraints, {})
    found = re.fullmatch(regex_from_filepattern(pattern), folder)
    assert found, folder
    values = found.groupdict()
    whole = {axis: int(values[axis]) for axis in ("depth", "epochs", "seed")}
    variant = values["variant"].removeprefix("_") or "default"
    return Run(**values | whole | {"width": float(values["width"]), "variant": variant})


@given(RUNS)
def test_a_folder_is_read_back_as_its_run(run):
    assert read(run.folder) == run


@given(RUNS, RUNS)
def test_two_runs_have_two_folders(one, other):
    assume(one != other)
    assert one.folder != other.folder


def test_a_variant_stands_after_the_norm_and_the_default_one_nowhere():
    assert PLAIN.folder == "simclr/resnet50_w1_batchnorm_ep100_seed1"
    assert replace(PLAIN, variant="cool").folder == "simclr/resnet50_w1_batchnorm_cool_ep100_seed1"


@pytest.mark.parametrize("name", ["default", "Cool", "very_cool", "1st", "", "ep5", "seed1", "so cool"])
def test_what_is_no_name_of_a_variant(name):
    assert not re.search(NAMES["pattern"], name)


def test_the_variant_is_an_axis_of_every_list():
    for axes in (RUN, CELL, NETWORK, CONFIGURATION):
        assert "variant" in axes


def test_a_grid_without_variants_is_of_the_default_one():
    assert expand(GRID) == expand(GRID | {"variant": ["default"]}) == [PLAIN]
    assert [run.variant for run in expand(GRID | {"variant": ["cool", "weak"]})] == ["cool", "weak"]


def test_a_network_says_its_variant_only_if_it_is_not_the_default_one():
    network = PLAIN.network
    assert "variant" not in network.facts
    assert Network(**network.facts) == network
    cool = replace(network, variant="cool")
    assert cool.facts == network.facts | {"variant": "cool"}
    assert Network(**cool.facts) == cool
    assert cool.after(100) == replace(PLAIN, variant="cool")
