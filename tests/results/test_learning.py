"""The table in benchmarks/learning.md is what its script makes of the published study."""

import subprocess
import sys

from feature_diversity.base.paths import CHECKOUT


def test_the_published_table_is_printed_by_its_script():
    script = CHECKOUT / "benchmarks" / "learning.py"
    results = CHECKOUT / "docs" / "studies" / "objectives_small" / "results.parquet"
    printed = subprocess.run([sys.executable, script, results], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() in script.with_suffix(".md").read_text()
