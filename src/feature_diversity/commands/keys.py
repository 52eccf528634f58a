"""The command `keys`: every key of a study file, and of every algorithm's recipe, as Markdown.

It reads the schema and the recipes themselves; docs/keys.md is what it prints.
"""

import argparse
import json
from collections.abc import Iterator
from typing import Any

import yaml

from feature_diversity.base.literals import literal
from feature_diversity.base.paths import ALGORITHMS, SCHEMAS
from feature_diversity.planning.recipe import algorithms, legal, recipe
from feature_diversity.planning.schema import read_from_checkout

HEAD = """\
# The keys of a study

A study is a file `workflow/studies/NAME.yaml` ([studies.md](studies.md)). The command
`feature-diversity keys` prints this page from the schema and the recipes. A wrong key or value ends before
any job, with the words that stand here.

| key | default | what it is |
| --- | --- | --- |
"""
RECIPES = """
## The keys of recipes

A study changes them under `recipes`, by algorithm, or in a variant. Values are the published ones; where the
recipes for small images have another, it stands after the arrow. Rates are those of batches of 256 images,
and are scaled with the batch.
"""
REQUIRED = "**required**"


def main(argv: list[str]) -> None:
    """Command line; see --help."""
    argparse.ArgumentParser(prog="feature_diversity keys", description=__doc__).parse_args(argv)
    print(page(), end="")


def page() -> str:
    """The whole page."""
    schema = yaml.safe_load(read_from_checkout(SCHEMAS / "study.schema.yaml"))
    rows = "".join(f"| `{key}` | {default} | {text} |\n" for key, default, text in keys_of(schema, schema))
    return HEAD + rows + RECIPES + "".join(map(table_of, algorithms()))


def keys_of(
    rules: dict[str, Any], schema: dict[str, Any], before: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Each key with its path, its default and its description, those of its parts after it.

    Args:
        rules: of an object of the schema.
        schema: the whole of it, where references lead.
        before: the path of the object, with a dot at its end.
    """
    for key, rule in rules.get("properties", {}).items():
        name = f"{before}{key}"
        followed = resolved(rule, schema)
        given = "default" in followed
        default = f"`{json.dumps(followed['default'])}`" if given and followed["default"] != {} else ""
        if key in rules.get("required", []):
            default = REQUIRED
        parts = resolved(followed.get("items", followed), schema)
        texts = [
            followed.get("description", ""),
            "" if "properties" in parts else parts.get("description", ""),
        ]
        yield name, default, "; ".join(dict.fromkeys(" ".join(text.split()) for text in texts if text))
        if isinstance(followed.get("additionalProperties"), dict):
            yield from keys_of(followed["additionalProperties"], schema, f"{name}.NAME.")
        if name == "figures":  # whose grids are all alike
            first = next(iter(followed["properties"].values()))
            grid = resolved(resolved(first, schema)["items"], schema)
            yield from keys_of(grid, schema, "figures.FIGURE.")
        else:
            yield from keys_of(parts, schema, f"{name}.")


def resolved(rule: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The rule that a reference, or the first of several rules that all hold, leads to."""
    if "allOf" in rule:
        return resolved(rule["allOf"][0], schema)
    if "$ref" not in rule:
        return rule
    for part in rule["$ref"].removeprefix("#/").split("/"):
        schema = schema[part]
    return schema


def table_of(algorithm: str) -> str:
    """Heading and table of an algorithm's recipe."""
    published, small = recipe(algorithm), recipe(algorithm, small_images=True)
    allowed = legal(algorithm)
    lines = [f"\n### {algorithm}\n", "| key | value | expected |", "| --- | --- | --- |"]
    for key, value in published.items():
        shown = f"`{json.dumps(value)}`"
        shown += f" → `{json.dumps(small[key])}`" if small[key] != value else ""
        kind = allowed.get(key, "0 or more")
        if isinstance(value, bool):
            kind = "true or false"
        lines.append(f"| `{key}` | {shown} | {', '.join(kind) if isinstance(kind, list) else kind} |")
    views = literal(ALGORITHMS / f"{algorithm}.py", "VIEWS")
    return "\n".join(lines) + f"\n\nViews of an image in a step: {json.dumps(views)}.\n"
