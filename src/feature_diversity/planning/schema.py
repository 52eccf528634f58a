"""Files of settings, read and checked by their schemas: `config.yaml` and the studies.

The schemas are in `workflow/schemas`. A recipe's keys are checked in `recipe.py`, what no schema can say
in `checks.py`.
"""

import itertools
import math
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from feature_diversity.base.errors import InputError
from feature_diversity.base.paths import CONFIG, SCHEMAS

MOST_NODES = 100_000  # values in a file of settings; a study of 10,000 runs has a few hundred
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def _nodes(node: yaml.Node, known: dict[int, float]) -> float:
    """How many values a node has if each alias is written out; infinite for one that holds itself."""
    if id(node) not in known:
        known[id(node)] = math.inf
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        inner = itertools.chain.from_iterable(part if isinstance(part, tuple) else (part,) for part in parts)
        known[id(node)] = 1 + sum(_nodes(part, known) for part in inner)
    return known[id(node)]


def _is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _is_number(_: Any, value: Any) -> bool:
    return _is_integer(_, value) or (isinstance(value, float) and math.isfinite(value))


# JSON Schema counts 5.0 as an integer, which would name a folder `ep5.0`, and cannot divide .nan and .inf
Validator = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)


class Loader(yaml.SafeLoader):
    """YAML as ever, but a key given twice is an error and not silently the last one.

    So is a number that YAML 1.1 and 1.2 read differently, as 010 and 1:30, and a file of more than MOST_NODES
    values with its aliases written out.
    """

    def get_single_node(self) -> yaml.Node | None:
        """Read the document; ComposerError if it has more than MOST_NODES values, its aliases written out."""
        node = super().get_single_node()
        if node is not None and _nodes(node, {}) > MOST_NODES:
            raise yaml.composer.ComposerError(
                None, None, f"more than {MOST_NODES:,} values with all aliases written out", node.start_mark
            )
        return node

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        """Make the value; ConstructorError for a number that YAML 1.1 reads otherwise than people do."""
        value = str(node.value)
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise yaml.constructor.ConstructorError(
                None, None, f"{value!r} has half of a character, which no file can hold", node.start_mark
            )
        if node.tag in NUMBERS and (":" in value or re.fullmatch(r"[-+]?0[0-9_]+", value)):
            raise yaml.constructor.ConstructorError(
                None, None, f"{value} is a number in another base to YAML; write it without", node.start_mark
            )
        return super().construct_scalar(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make the dictionary; ConstructorError for a key given twice."""
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def load_yaml(text: str, path: Path) -> Any:
    """What YAML says; InputError for what is none. path: whose text it is, which the message names."""
    try:
        return yaml.load(text, Loader)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(f"{path} is not valid YAML: {error}") from None  # as of dates that there are none


def read_from_checkout(path: Path) -> str:
    """Read a file of the workflow, which a wheel of the package does not have.

    Raises:
        InputError: it is not there; the message says what is needed.
    """
    if not path.exists():
        raise InputError(
            f"{path} is not there, expected the checkout of feature-diversity that this command needs: "
            "get one, and install the package from it with `pip install --editable .`"
        )
    return path.read_text(encoding="utf-8")


def validate(content: Any, schema: str) -> None:
    """Check `content` against `workflow/schemas/{schema}.schema.yaml`, fill in its defaults and homes (~).

    Raises InputError naming the key, the value found, and what the schema says is expected there.
    """
    rules = yaml.safe_load(read_from_checkout(SCHEMAS / f"{schema}.schema.yaml"))
    errors = list(Validator(rules).iter_errors(content))
    # an entry that is wrong in itself says more than one that is missing
    errors.sort(key=lambda error: (error.validator == "contains", list(map(str, error.path))))
    if errors:
        error = errors[0]
        where = ".".join(str(part) for part in error.absolute_path)
        expected = error.schema.get("description", "")
        if error.validator == "additionalProperties":
            expected = f"only {', '.join(error.schema['properties'])}"
        message = f"{where}: {error.message}" if where else error.message
        raise InputError(f"{message} (expected: {expected})" if expected else message)
    _fill_defaults(content, rules)


def _fill_defaults(content: dict[str, Any], rules: dict[str, Any]) -> None:
    for key, rule in rules.get("properties", {}).items():
        if "default" in rule:
            content.setdefault(key, rule["default"])
        if rule.get("format") == "path":
            content[key] = os.path.expanduser(content[key])
        if rule.get("type") == "object" and key in content:
            _fill_defaults(content[key], rule)
        if rule.get("items", {}).get("type") == "object":
            for part in content.get(key, []):
                _fill_defaults(part, rule["items"])
    if isinstance(rules.get("additionalProperties"), dict):
        for key in content.keys() - rules.get("properties", {}).keys():
            _fill_defaults(content[key], rules["additionalProperties"])


def configuration(**given: Any) -> dict[str, Any]:
    """What config.yaml says, with the given keys in their place; InputError for a wrong one."""
    config = load_yaml(read_from_checkout(CONFIG), CONFIG)
    if not isinstance(config, dict):
        raise InputError(f"{CONFIG} has {config!r}, expected keys with values")
    config |= given
    validate(config, "config")
    return config
