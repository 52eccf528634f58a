"""The page's section on interventions says what the table of the stage says."""

import re

import pandas as pd
import pytest
from support.intervention_tables import penalties, table

from feature_diversity.base.errors import InputError
from feature_diversity.interventions.analysis import analysed
from feature_diversity.report.interventions import interventions_of


def test_a_layer_has_its_verdict_and_its_slopes_in_percent(tmp_path):
    found = analysed(table("cause", 0), penalties())
    found.to_csv(tmp_path / "intervention.csv", index=False)
    [said] = interventions_of(tmp_path / "intervention.csv")
    rows = found.set_index("statistic")
    assert (said["layer"], said["verdict"]) == ("trunk", rows.loc["verdict", "verdict"])
    slope = rows.loc["causal slope"]
    numbers = re.findall(r"-?[\d.]+", said["slopes"]["set"].replace("\N{MINUS SIGN}", "-"))
    expected = [100 * slope[name] for name in ("estimate", "low", "high")]
    assert [float(number) for number in numbers] == pytest.approx(expected, rel=5e-3)


def test_a_file_that_is_no_table_of_interventions_is_named(tmp_path):
    pd.DataFrame({"a": [1]}).to_csv(tmp_path / "intervention.csv", index=False)
    with pytest.raises(InputError, match=r"intervention.csv: no column algorithm"):
        interventions_of(tmp_path / "intervention.csv")
