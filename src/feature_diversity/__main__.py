"""`python -m feature_diversity STAGE ...`, or `feature-diversity STAGE ...`: stages and commands."""

import gc
import importlib
import os
import sys
from types import ModuleType

from feature_diversity.base import timing  # noqa: F401  first: it notes when the process began
from feature_diversity.base.errors import InputError
from feature_diversity.base.files import WRITTEN, begin
from feature_diversity.base.stages import COMMANDS, STAGES


def main() -> int:
    """Run the stage or command named by the first argument.

    Returns:
        0 when it went well, 1 for bad input and where nobody reads the output to its end, 2 for bad usage.
    """
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  closed by who started us
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:  # as of `... | head`; nothing more is written there when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def run() -> int:
    """The same, but for the output.

    The stage is imported only then, so that the energy stage starts without loading torch. One that is not
    told how many threads to use has one: sums and eigenvalues of several have other bits.
    """
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(usage())
        return 0 if len(sys.argv) > 1 else 2
    name, arguments = sys.argv[1], [in_full(word) for word in sys.argv[2:]]
    if name not in STAGES and name not in COMMANDS:
        known = ", ".join([*STAGES, *COMMANDS])
        print(f"error: unknown stage {name!r}; choose from {known}", file=sys.stderr)
        return 2
    begin()
    if name in STAGES and "--threads" not in arguments:
        for library in ("OMP", "OPENBLAS", "MKL"):  # they read it when they are loaded
            os.environ[f"{library}_NUM_THREADS"] = "1"
    try:
        module = imported(name)
        check_code_of(name, arguments)
        module.main(arguments)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if WRITTEN and name in STAGES and not sys.stderr.isatty():  # its log keeps the record
        from feature_diversity.records.provenance import say_record

        say_record(name, arguments)
    return 0


def in_full(word: str) -> str:
    """An argument, or what a pipe has that stands for it: the system takes none of more than 128 KiB.

    Of `@<(printf ...)` the shell makes `@/dev/fd/63`.
    """
    if not word.startswith("@/dev/fd/"):
        return word
    with open(word.removeprefix("@"), encoding="utf-8") as pipe:
        return pipe.read()


def check_code_of(name: str, arguments: list[str]) -> None:
    """InputError if the code is not what the option --code tells; what reads code is loaded only for that."""
    if "--code" in arguments:
        from feature_diversity.records.digest import check_code

        check_code(name, arguments)


def imported(name: str) -> ModuleType:
    """The module of a stage or command.

    Nothing that is imported becomes garbage. To look for it again and again, also when the process ends, is a
    quarter of what a stage with torch takes to start and to end.
    """
    room = "stages" if name in STAGES else "commands"
    gc.disable()
    module = importlib.import_module(f"feature_diversity.{room}.{name}")
    gc.freeze()
    gc.enable()
    return module


def usage() -> str:
    """The stages and commands, each with what it does."""
    stages = {name: stage.summary for name, stage in STAGES.items()}
    lines = ["usage: python -m feature_diversity STAGE [--help] ..."]
    for title, named in (("stages of the workflow", stages), ("commands beside it", COMMANDS)):
        lines += ["", f"{title}:", *(f"  {name:<12} {summary}" for name, summary in named.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
