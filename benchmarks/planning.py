"""How long it takes to plan a study of 10,000 runs: python benchmarks/planning.py [trajectory] [budget]

Nothing of the study is there yet, so every job would run. Prints seconds, those of the processor, and memory
of the largest process for `feature_diversity plan` and for `snakemake --dry-run`, with 2,000 trainings of
five snapshots each (`trajectory`) and with 10,000 trainings (`budget`).
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
STUDY = """\
description: ten thousand runs
dataset: {{name: digits, image_size: 32, test: 100, validation: 50, held_out: 30, train: 0}}
schedule: {schedule}
recipe: small_images
figures:
  figure1:
    algorithm: [simclr, rotnet, supervised, npid, jigsaw]
    depth: [14, 26, 50, 101, 152]
    width: [0.125, 0.25, 0.5, 1]
    norm: batchnorm
    epochs: [1, 2, 3, 4, 5]
    seed: {seeds}
"""
BARE = ["-n", "-c1", "--workflow-profile", "none"]  # Snakemake's own output
COMMANDS = {"plan": ["feature_diversity", "plan", "--study"], "snakemake -n": ["snakemake", *BARE]}


def main() -> None:
    """Print a line for each schedule and command."""
    print(f"{'schedule':<12} {'command':<14} {'jobs':>7} {'seconds':>8} {'CPU s':>6} {'MB':>6}")
    for schedule in sys.argv[1:] or ["trajectory", "budget"]:
        with tempfile.TemporaryDirectory() as folder:
            study = Path(folder, f"ten_thousand_{schedule}.yaml")
            study.write_text(STUDY.format(schedule=schedule, seeds=list(range(20))))
            for name, command in COMMANDS.items():
                given = [str(study)] if name == "plan" else ["--config", f"study={study}"]
                jobs, *numbers = measure([sys.executable, "-m", *command, *given])
                shown = "{:>8.1f} {:>6.1f} {:>6.0f}".format(*numbers)
                print(f"{schedule:<12} {name:<14} {jobs:>7} {shown}", flush=True)


def measure(command: list[str]) -> tuple[str, float, float, float]:
    """What the command prints as number of jobs; its seconds, those of CPU, MB of its largest process."""
    with tempfile.TemporaryFile("w+") as output:
        before = time.perf_counter()
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)  # of the process and of those it waited for
        seconds = time.perf_counter() - before
        output.seek(0)
        text = output.read()
    if status:
        sys.exit(text[-2000:])
    jobs = re.search(r"^(?:jobs|total) +([0-9,]+)", text, re.MULTILINE)
    return jobs[1], seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
