"""Where a study's results come from: machine, packages, and the jobs that made them."""

import csv
import os
import platform
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = [
    *("feature-diversity", "numpy", "pandas", "pyarrow", "scipy", "statsmodels", "scikit-learn", "torch"),
    *("torchvision", "safetensors", "matplotlib", "altair", "vl-convert-python", "jinja2", "snakemake"),
]


def packages() -> dict[str, str]:
    """Versions of Python and of the packages that are installed where the report was made."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str]:
    """The machine that made the report, which need not be the one that trained the networks."""
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        models = [line.split(":", 1)[1].strip() for line in information.read_text().splitlines()
                  if line.startswith("model name")]  # fmt: skip
        cpu = models[0] if models else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": cpu,
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
    }


def jobs_in(folder: Path) -> list[dict[str, float]]:
    """The jobs that Snakemake timed, by stage: number, hours of wall time, largest memory in GiB.

    Files that cannot be read are counted in `unreadable`.
    """
    jobs: dict[str, dict[str, float]] = defaultdict(
        lambda: {"jobs": 0, "hours": 0.0, "memory": 0.0, "unreadable": 0}
    )
    for path in sorted(folder.rglob("*.tsv")):
        stage = jobs[path.relative_to(folder).with_suffix("").parts[0]]
        try:
            with path.open() as file:
                row = next(csv.DictReader(file, delimiter="\t"))
            stage["hours"] += float(row["s"]) / 3600
            # "-" and "NA" stand for jobs too short to be measured
            memory = float(row["max_rss"]) / 1024 if row["max_rss"].replace(".", "").isdigit() else 0.0
            stage["memory"] = max(stage["memory"], memory)
            stage["jobs"] += 1
        except (OSError, ValueError, KeyError, StopIteration):
            stage["unreadable"] += 1
    return [{"stage": name, **values} for name, values in jobs.items()]
