"""Digests of meaning: what a module of this package does, and what an environment holds.

They are parameters of the workflow's rules, so a result is made anew when the code or the
libraries behind it changed, and not when a comment, a message, a module's place or a file's time did.
"""

import hashlib
import re
from functools import cache
from pathlib import Path

from feature_diversity.base.errors import InputError
from feature_diversity.base.stages import STAGES
from feature_diversity.records.kept_meanings import KeptMeanings
from feature_diversity.records.known_code import changed_files, in_words, keep_modules, modules_of
from feature_diversity.records.meaning import MARK, Meaning

PACKAGE = Path(__file__).parents[1]
ROOMS_BY_NAME = ("algorithms", "data.sources")  # whose modules no import statement names
REACHED: dict[str, set[str]] = {}  # names of modules behind each digest that was reckoned in this process

# Modules and rooms that make no numbers: a digest leaves them out, and what they alone import.
SILENT = (
    "base.batches",  # which batch sizes are refused
    "base.errors",  # the name of the error for bad input
    "base.files",  # how a file is written
    "base.lock",  # who may write it
    "base.paths",  # where it lies
    "base.stages",  # what stages are called
    "base.timing",  # how long a start took
    "compute.interruption",  # how processes end
    "compute.launch",  # how they begin
    "records",  # what is noted of a computation
    "base.command_line",  # what command lines share
    "training.job",  # when a state is saved and what is shown
    "training.monitor",  # what is shown of it
    "training.saves",  # how its state is kept
    "training.store",  # where trainings are kept
)


@cache
def code_digest(*modules: str) -> str:
    """Digest of what the named modules do, and all they import from this package, directly or not.

    What does not count: comments, docstrings, layout; annotations of arguments, results and variables;
    import statements, and the names that they give to what they import; the texts of errors, of what is
    printed and of the help; the names of modules; the literals of an algorithm that planning alone reads, as
    its recipe; and the modules in `SILENT` that are not named here.

    Args:
        modules: names inside the package, such as "stages.energy" or "algorithms.simclr". A module that is
            imported by a name computed at run time is invisible here; name it as well.

    Returns:
        16 hexadecimal digits.

    Raises:
        ValueError: for a module that does not exist, a relative import, and an import from the package
            itself and not from one of its modules.
    """
    names = import_closure(*modules, silent=False)
    meanings = {_does(name) for name in names}
    _kept().save()
    digest = _digest("\0".join(sorted(meanings)))
    REACHED[digest] = names
    return digest


def stage_digest(stage: str, *named: str) -> str:
    """Digest of a stage's or command's code: 16 hexadecimal digits.

    Args:
        stage: Its name, as in `base.stages`.
        named: Modules that it imports by a name known at run time, such as "algorithms.simclr" or
            "data.sources.digits".
    """
    modules = STAGES[stage].code if stage in STAGES else (f"commands.{stage}",)
    return code_digest(*modules, *named)


def check_code(stage: str, arguments: list[str]) -> None:
    """InputError if a stage's code, as it is now, has not the digest that its option --code tells.

    So what code makes that was edited after the workflow was started does not pass for the old code's. The
    modules that a stage imports by name, algorithms and data sets, are those that its arguments name.
    """
    if "--code" not in arguments[:-1]:
        return
    told = arguments[arguments.index("--code") + 1]
    words = sorted(set(re.findall(r"\w+", " ".join(arguments))))
    named = [f"{room}.{word}" for room in ROOMS_BY_NAME for word in words if _source(f"{room}.{word}")]
    found = [stage_digest(stage), *(stage_digest(stage, name) for name in named)]
    if told not in ("unknown", *found):
        raise InputError(
            f"the code of the stage {stage} has the digest {' or '.join(found)}, expected {told}: it was "
            "edited after the workflow was started; start the workflow again"
        )
    if told in REACHED:
        keep_modules(told, _modules_behind(told))


def code_change(before: str, now: str) -> str:
    """Which files make the difference of two digests, in words; empty if that is not known.

    Args:
        before: A digest of code, of any time; it is known what it stands for if that code has run here.
        now: One that this process has reckoned.
    """
    old = modules_of(before)
    files = changed_files(old, _modules_behind(now)) if old and now in REACHED else []
    return in_words(files) if files else ""


def import_closure(*modules: str, silent: bool = True) -> set[str]:
    """Names of the given modules and of every module of this package they import, transitively.

    Args:
        modules: names inside the package.
        silent: False leaves out the imported modules in `SILENT`.

    Returns:
        The names, with those of the folders whose `__init__.py` is run.

    Raises:
        ValueError: as `code_digest`.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(other for other in _imports(name) if silent or not _is_silent(other))
    return found


def lock_digest(path: str | Path) -> str:
    """Digest of a lock file's packages, versions and hashes; comments and blank lines do not count."""
    lines = [line.split(" #")[0].strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    kept = [line for line in lines if line and not line.startswith("#")]
    return _digest("\n".join(kept))


def files_digest(*paths: Path) -> str:
    """Digest of the bytes of files that the code reads, such as a template."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()[:16]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_silent(name: str) -> bool:
    return any(name == silent or name.startswith(f"{silent}.") for silent in SILENT)


@cache
def _source(name: str) -> Path | None:
    base = PACKAGE.joinpath(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.exists()), None)


@cache
def _meaning(name: str) -> Meaning:
    path = _source(name)
    if path is None:
        raise ValueError(f"no module feature_diversity.{name} in {PACKAGE}")
    return _kept().of(name, path.read_bytes())


@cache
def _kept() -> KeptMeanings:
    return KeptMeanings(PACKAGE)


@cache
def _imports(name: str) -> frozenset[str]:
    """Modules of this package named in the import statements of module `name`, wherever they stand."""
    found: set[str] = set()
    for origin in _meaning(name).imports:
        module, attribute = _split(origin)
        if module:
            # importing a.b runs a/__init__.py first
            found.update(module.rsplit(".", depth)[0] for depth in range(module.count(".") + 1))
        elif attribute and not attribute.startswith("__"):
            raise ValueError(
                f"feature_diversity.{name}: import {attribute} from its module, not from the package"
            )
    return frozenset(found)


@cache
def _split(origin: str) -> tuple[str, str]:
    """A full name as (module of this package, what in it); the module is empty if there is none."""
    package, *parts = origin.split(".")
    if package != "feature_diversity":
        return "", ""
    for count in range(len(parts), 0, -1):
        if _source(".".join(parts[:count])):
            return ".".join(parts[:count]), ".".join(parts[count:])
    return "", ".".join(parts)


@cache
def _does(name: str) -> str:
    """What the module does, as text. A name from another module stands with a digest of that module."""
    return MARK.sub(lambda mark: _own_name(mark[1], digested=True), _meaning(name).text)


@cache
def _does_alone(name: str) -> str:
    """What the module does, as text in which names from other modules stand alone."""
    return MARK.sub(lambda mark: _own_name(mark[1], digested=False), _meaning(name).text)


def _modules_behind(digest: str) -> dict[str, str]:
    """Digests of what each module does that stands behind a digest of this process, by their names."""
    return {name: _digest(_does_alone(name)) for name in REACHED[digest]}


@cache
def _own_name(origin: str, digested: bool) -> str:
    """The name that something has in its module, with a digest of that; a full name of other packages'."""
    module, attribute = _split(origin)
    if digested and module and not _is_silent(module):
        return f"{attribute}:{_digest(_does_alone(module))}"
    return attribute or origin
