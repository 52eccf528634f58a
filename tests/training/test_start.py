"""What a training loads before its first step, and what it does without."""

import os
import subprocess
import sys

from support.paths import SOURCE

PROGRAM = """
import sys
from feature_diversity.__main__ import main
assert main() == 0
print({"torch._dynamo", "torch._inductor", "sympy"} & set(sys.modules))
"""


def test_a_training_loads_neither_torchs_compiler_nor_sympy_which_take_seconds(training, tmp_path):
    command = [sys.executable, "-c", PROGRAM, "pretrain", *training(tmp_path, 1)]
    ours = os.environ | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run(command, env=ours, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
