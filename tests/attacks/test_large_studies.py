"""A study of many grids is more than the system takes as one argument, and goes through all the same."""

import json
import subprocess
import sys

import pytest
import yaml
from support.checkout import Checkout
from support.paths import SOURCE

from feature_diversity.__main__ import in_full

LIMIT = 2**17  # bytes of an argument, with its end (Linux: MAX_ARG_STRLEN)


@pytest.mark.workflow
def test_a_study_of_a_thousand_grids_has_its_page(tmp_path, shared):
    checkout = Checkout.finished(tmp_path, shared)
    file = tmp_path / "workflow" / "studies" / "tiny.yaml"
    study = yaml.safe_load(file.read_text())
    study["figures"]["figure3"] = [study["figures"]["figure3"]] * 1200
    assert len(json.dumps(study["figures"])) > LIMIT
    file.write_text(json.dumps(study))
    result = checkout.snakemake()
    assert result.returncode == 0, result.stdout
    provenance = json.loads((checkout.results / "provenance.json").read_text())
    assert len(provenance["study"]["figures"]["figure3"]) == 1200
    [job] = [job for job in provenance["jobs"] if job["stage"] == "report"]
    given = job["arguments"][job["arguments"].index("--study") + 1]
    assert json.loads(given) == provenance["study"]  # not the name of a pipe that nobody can read again


@pytest.mark.parametrize("text", ["", "{}", "x" * LIMIT, "zwölf\n"], ids=len)
def test_an_argument_that_a_pipe_stands_for_is_read_in_full(text):
    program = "import sys; from feature_diversity.__main__ import in_full; print(repr(in_full(sys.argv[1])))"
    command = f'{sys.executable} -c "{program}" @<(cat)'
    result = subprocess.run(
        ["bash", "-c", command], input=text, env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True
    )
    assert result.stdout == f"{text!r}\n", result.stderr


@pytest.mark.parametrize("word", ["@home/data", "/dev/fd/0", "--table"])
def test_another_argument_is_what_it_is(word):
    assert in_full(word) == word
