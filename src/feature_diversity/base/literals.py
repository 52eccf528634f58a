"""Constants of a Python file, read without running it."""

import ast
from functools import cache
from pathlib import Path
from typing import Any

from feature_diversity.base.errors import InputError


@cache
def literal(file: Path, name: str) -> Any:
    """The value of `name = ...` in a Python file, which is not run; InputError if there is none."""
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Assign) and [
            target.id for target in node.targets if isinstance(target, ast.Name)
        ] == [name]:
            return ast.literal_eval(node.value)
    raise InputError(f"{file.name} has no {name} = ...; see any other file in {file.parent.name}/")
