"""How much of a study's time goes into starting processes: python benchmarks/overhead.py results/demo

Every job's wall time stands in `benchmarks/**/*.tsv`, written by Snakemake; the seconds until its
first useful step (imports, reading data) stand in its log as "ready after ... s". Prints a table by
stage, and the share of the whole.
"""

import csv
import re
import sys
from collections import defaultdict
from pathlib import Path

READY = re.compile(r"^ready after ([0-9.]+) s$", re.MULTILINE)


def main() -> None:
    """Print the table for the results folder named on the command line."""
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


if __name__ == "__main__":
    main()
