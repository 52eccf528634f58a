"""benchmarks/gpu.py runs where nothing but a few packages is installed; on a GPU it is one command."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gpu.py"
# Python runs this first: of what is installed, what machines with GPUs need not have is not found
BARE = """
import sys
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions

HAD = {"torch", "numpy", "safetensors", "pillow", "scikit-learn"}
THEIRS = {"cloudpickle", "filelock", "fsspec", "jinja2", "joblib", "markupsafe", "mpmath", "narwhals",
          "networkx", "scipy", "setuptools", "sympy", "threadpoolctl", "triton", "typing-extensions"}
GONE = {module for module, owners in packages_distributions().items()
        if not {owner.lower().replace("_", "-") for owner in owners} & (HAD | THEIRS)
        and not any(owner.lower().startswith(("nvidia", "cuda")) for owner in owners)} - {"feature_diversity"}

class Bare:
    def find_spec(self, name, path=None, target=None):
        gone = name.partition(".")[0] in GONE
        return None if gone else PathFinder.find_spec(name, path, target)

    def find_distributions(self, *context):
        return PathFinder.find_distributions(*context)

sys.meta_path = [Bare() if finder is PathFinder else finder for finder in sys.meta_path]
"""


def test_it_runs_in_small_with_few_packages(tmp_path: Path):
    (tmp_path / "sitecustomize.py").write_text(BARE)
    command = [sys.executable, str(SCRIPT), "--device", "cpu", "--eager", "--algorithms", "simclr"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "WRONG" not in result.stdout
    assert "the same bits" in result.stdout
    assert "all right" in result.stdout
