"""Every promise of docs/guarantees.md names a test that there is."""

import re

from support.paths import ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_promise_names_a_test_that_there_is():
    lines = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8").splitlines()
    promises = [line for line in lines if line.startswith("| ") and line.split()[1] not in ("promise", "---")]
    assert len(promises) > 30
    for promise in promises:
        [(file, name)] = NAMED.findall(promise)
        text = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {name}\(", text, re.MULTILINE), promise
