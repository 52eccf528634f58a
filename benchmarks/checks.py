"""How much of a command's time goes into checks: python benchmarks/checks.py COMMAND ...

To be run in a clone. Runs the command with every Python process of the package that it starts timed: the
whole process, and in it the functions below, which look whether code, input and results are what they
should be, or write down what made an output. A call within another is counted once. Prints the seconds and
shares of each.
"""

import atexit
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

PACKAGE = "feature_diversity"
# Module -> its functions, or methods as CLASS.METHOD
CHECKS = {
    "records.digest": ["check_code", "code_digest", "files_digest"],
    "records.provenance": ["say_record", "read_records"],
    "records.origin": ["model_digest"],
    "base.command_line": ["check_digest"],
    "base.files": ["check_unchanged"],
    "data.image_files": ["ImageFiles.check", "ImageFiles.check_size"],
    "data.inspection": ["inspect"],
    "data.splits": ["copies"],
    "networks.model": ["digest_of", "check_weights", "check_finite"],
    "evaluation.probes": ["check_finite"],
    "measures.of_layers": ["zero_rows"],
    "measures.readings": ["_checked"],
    "results.collect": ["check_complete"],
    "results.origins": ["check_same_model"],
    "results.table": ["check_rows"],
    "planning.checks": ["check_study", "check_machine", "check_batches"],
    "planning.study": ["check_count"],
    "planning.settings": ["digest_of", "data_digest"],
}
FOLDER = "TIMED_CHECKS"  # the variable that tells processes where to write
# Where every job's Python looks for it, as it begins: on the path that the workflow sets
HOOK = Path(__file__).parents[1] / "src" / "sitecustomize.py"
SECONDS: Counter[str] = Counter()
RUNNING: list[str] = []


def main() -> None:
    """Run the command and print the table."""
    HOOK.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import checks; checks.watch(); "
        "del sys.path[0]\n"
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            told = {"PYTHONPATH": str(HOOK.parent), FOLDER: folder}
            subprocess.run(sys.argv[1:], env=os.environ | told, check=True)
            processes = [json.loads(path.read_text()) for path in Path(folder).glob("*.json")]
    finally:
        HOOK.unlink()
    seconds: Counter[str] = Counter()
    for process in processes:
        seconds.update(process)
    whole = seconds.pop("whole")
    for name, value in [*seconds.most_common(), ("all checks", seconds.total())]:
        print(f"{name:<34} {value:>8.2f} s {100 * value / whole:>6.2f} %")
    print(f"{len(processes)} processes: {whole:.1f} s")


def watch() -> None:
    """In a process that has just begun: time the functions when their modules are imported."""
    began = time.perf_counter()
    sys.meta_path.insert(0, Finder())

    def tell() -> None:
        if any(name.split(".")[0] == PACKAGE for name in sys.modules):
            SECONDS["whole"] = time.perf_counter() - began
            Path(os.environ[FOLDER], f"{os.getpid()}_{time.time_ns()}.json").write_text(json.dumps(SECONDS))

    atexit.register(tell)


class Finder(importlib.abc.MetaPathFinder):
    """Finds modules of CHECKS as Python does, and has their functions timed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's; None for one that is not among them."""
        functions = CHECKS.get(name.removeprefix(f"{PACKAGE}."))
        if functions is None or not name.startswith(f"{PACKAGE}."):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def run_and_time(module: ModuleType) -> None:
            run(module)
            for function in functions:
                *owner, last = function.split(".")
                holder = getattr(module, owner[0]) if owner else module
                label = f"{name.removeprefix(PACKAGE + '.')}.{function}"
                setattr(holder, last, timed(label, getattr(holder, last)))

        spec.loader.exec_module = run_and_time  # type: ignore[method-assign]
        return spec


def timed(label: str, function: Callable) -> Callable:
    """The function, which counts its seconds where no other check runs it."""

    @functools.wraps(function)
    def run(*arguments: object, **options: object) -> object:
        if RUNNING:
            return function(*arguments, **options)
        RUNNING.append(label)
        began = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            SECONDS[label] += time.perf_counter() - began
            RUNNING.pop()

    return run


if __name__ == "__main__":
    main()
