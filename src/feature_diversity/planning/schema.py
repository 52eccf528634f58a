"""Files of settings, read and checked by their schemas: `config.yaml` and the studies."""

import math
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from feature_diversity.base.errors import InputError
from feature_diversity.base.paths import CONFIG, SCHEMAS


def _is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


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
    """YAML as ever, but a key given twice is an error and not silently the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make the dictionary; ConstructorError for a key given twice."""
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


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
    return path.read_text()


def validate(content: Any, schema: str) -> None:
    """Check `content` against `workflow/schemas/{schema}.schema.yaml` and fill in its defaults.

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
        if rule.get("type") == "object" and key in content:
            _fill_defaults(content[key], rule)
        if rule.get("items", {}).get("type") == "object":
            for part in content.get(key, []):
                _fill_defaults(part, rule["items"])


def configuration(**given: Any) -> dict[str, Any]:
    """What config.yaml says, with the given keys in their place; InputError for a wrong one."""
    config: dict[str, Any] = yaml.safe_load(read_from_checkout(CONFIG)) | given
    validate(config, "config")
    return config
