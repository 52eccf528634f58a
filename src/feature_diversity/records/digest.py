"""Digests of meaning: what a module of this package does, and what an environment holds.

They are parameters of the workflow's rules, so a result is made anew when the code or the
libraries behind it changed, and not when a comment, a docstring or a file's time did.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

from feature_diversity.base.stages import STAGES

PACKAGE = Path(__file__).parents[1]


@cache
def code_digest(*modules: str) -> str:
    """Digest of the named modules and of all they import from this package, directly or not.

    modules: names inside the package, such as "pretrain" or "algorithms.simclr". Docstrings,
    comments and layout do not count. Returns 16 hexadecimal digits. Modules imported by a name
    computed at run time are invisible here; name them as well.
    """
    text = "\n".join(f"{name} {_meaning(name)}" for name in sorted(import_closure(*modules)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stage_digest(stage: str, *named: str) -> str:
    """Digest of a stage's or command's code: 16 hexadecimal digits.

    Args:
        stage: Its name, as in `base.stages`.
        named: Modules that it imports by a name known at run time, such as "algorithms.simclr" or
            "data.sources.digits".
    """
    modules = STAGES[stage].code if stage in STAGES else (f"commands.{stage}",)
    return code_digest(*modules, *named)


def import_closure(*modules: str) -> set[str]:
    """Names of the given modules and of every module of this package they import, transitively."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_imports(name))
    return found


def lock_digest(path: str | Path) -> str:
    """Digest of a lock file's packages, versions and hashes; comments and blank lines do not count."""
    lines = [line.split(" #")[0].strip() for line in Path(path).read_text().splitlines()]
    kept = [line for line in lines if line and not line.startswith("#")]
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()[:16]


def files_digest(*paths: Path) -> str:
    """Digest of the bytes of files that the code reads, such as a template."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()[:16]


def _source(name: str) -> Path | None:
    base = PACKAGE.joinpath(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.exists()), None)


@cache
def _tree(name: str) -> ast.Module:
    path = _source(name)
    if path is None:
        raise ValueError(f"no module feature_diversity.{name} in {PACKAGE}")
    return ast.parse(path.read_text(), filename=str(path))


@cache
def _imports(name: str) -> frozenset[str]:
    """Modules of this package named in the import statements of module `name`, wherever they stand."""
    found = set()
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            candidates = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.ImportFrom):
            raise ValueError(
                f"feature_diversity.{name}: write absolute imports, relative ones are not followed"
            )
        else:
            continue
        for candidate in candidates:
            inside = candidate.removeprefix("feature_diversity.")
            if inside != candidate and _source(inside):
                # importing a.b runs a/__init__.py first
                found.update(inside.rsplit(".", depth)[0] for depth in range(inside.count(".") + 1))
    return frozenset(found)


@cache
def _meaning(name: str) -> str:
    """The module's syntax tree without docstrings and positions, as text."""
    tree = ast.parse(ast.unparse(_tree(name)))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and isinstance(body[0] if body else None, ast.Expr)
            and isinstance(getattr(body[0], "value", None), ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            node.body = body[1:] or [ast.Pass()]
    return ast.dump(tree, include_attributes=False)
