"""How much of a study's time goes into starting processes: python benchmarks/overhead.py [results/demo]

Every job's wall time stands in `benchmarks/**/*.tsv`, written by Snakemake; the seconds until its
first useful step (imports, reading data) stand in its log as "ready after ... s". Prints a table by
stage, and the share of the whole. Without a folder: what Snakemake adds to the start of a process that does
nothing.
"""

import csv
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

JOBS = 300
NOTHING = """
rule all:
    input: expand("{{number}}", number=range({jobs}))
rule nothing:
    output: touch("{{number}}")
    shell: "{python} -c pass"
"""
READY = re.compile(r"^ready after ([0-9.]+) s$", re.MULTILINE)


def main() -> None:
    """Print the table for the results folder named on the command line; without one, Snakemake's part."""
    if len(sys.argv) == 1:
        print_snakemakes_own()
        return
    results = Path(sys.argv[1])
    jobs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for path in sorted((results / "benchmarks").rglob("*.tsv")):
        name = path.relative_to(results / "benchmarks").with_suffix("")
        with path.open() as file:
            wall = float(next(csv.DictReader(file, delimiter="\t"))["s"])
        log = results / "logs" / f"{name}.log"
        ready = READY.search(log.read_text())
        if ready is None:
            sys.exit(f"error: {log} does not say when the job was ready")
        jobs[name.parts[0]].append((wall, float(ready[1])))

    print(f"{'stage':<12} {'jobs':>5} {'wall s':>8} {'start s':>8} {'start %':>8}")
    everything = [time for times in jobs.values() for time in times]
    for stage, times in [*jobs.items(), ("all", everything)]:
        wall, start = (sum(column) for column in zip(*times, strict=True))
        print(f"{stage:<12} {len(times):>5} {wall:>8.1f} {start:>8.1f} {100 * start / wall:>8.1f}")


def print_snakemakes_own() -> None:
    """Seconds a job, one at a time, of processes that do nothing: bare, and as jobs of Snakemake."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        for _ in range(JOBS):
            subprocess.run([sys.executable, "-c", "pass"], check=True)
        bare = (time.perf_counter() - begin) / JOBS
        seconds = {}
        for jobs in (1, JOBS + 1):  # their difference leaves Snakemake's own start out
            Path(folder, "Snakefile").write_text(NOTHING.format(jobs=jobs, python=sys.executable))
            begin = time.perf_counter()
            options = ["--forceall", "--max-jobs-per-timespan", "1000/5s", "--quiet", "all"]
            command = [sys.executable, "-m", "snakemake", "--cores", "1", *options]
            subprocess.run(command, cwd=folder, check=True)
            seconds[jobs] = time.perf_counter() - begin
        job = (seconds[JOBS + 1] - seconds[1]) / JOBS
        print(f"a bare process {bare:.3f} s, as a job {job:.3f} s; Snakemake's start {seconds[1]:.1f} s")


if __name__ == "__main__":
    main()
