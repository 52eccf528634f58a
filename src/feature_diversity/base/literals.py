"""Constants of a Python file, read without running it."""

import ast
from functools import cache
from pathlib import Path
from typing import Any

from feature_diversity.base.errors import InputError

MISSING = object()


def literal(file: Path, name: str, *, default: Any = MISSING) -> Any:
    """The value of `name = ...` in a Python file, which is not run.

    Args:
        file: of Python code.
        name: that a statement of the module assigns a literal to; one with an annotation does not count.
        default: what a file without one stands for.

    Raises:
        InputError: if there is none, and no default.
    """
    for value in _literals(file, name):
        return value
    if default is MISSING:
        raise InputError(f"{file.name} has no {name} = ...; see any other file in {file.parent.name}/")
    return default


@cache
def _literals(file: Path, name: str) -> list[Any]:
    """The literals assigned to that name, one after the other."""
    return [
        ast.literal_eval(node.value)
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        and [target.id for target in node.targets if isinstance(target, ast.Name)] == [name]
    ]
