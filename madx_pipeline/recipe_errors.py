"""pydantic's findings as lines a user can act on: file, key path, value found, what is allowed, nearest name."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from madx_pipeline.errors import Problem, suggestion

Location = Sequence[int | str]

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "finite_number": "a finite number",
    "invalid_key": "keys that are text (put them in quotes)",
}

_SAID_OTHERWISE = {
    "line_by_line": "Say packing: none (a line a row), lines (the same, several in a row) or documents (full rows).",
}
"""Arguments of the field's scripts that are asked for in another way here."""


def field_problems(
    error: ValidationError, prefix: str, model: type[BaseModel], *, separator: str = ": "
) -> list[Problem]:
    """One problem per place, in the order found.

    Args:
        error: What pydantic found.
        prefix: File (and section) in front of the key path.
        model: The model that was validated, to name the keys it allows.
        separator: What stands between `prefix` and the key path.
    """
    found: dict[str, Problem] = {}
    for item in error.errors():
        location = [part for part in item["loc"] if part != "[key]"]
        where = f"{prefix}{separator}{_path(location)}" if location else prefix
        found.setdefault(where, _problem(dict(item), where, location, model))
    return list(found.values())


def _problem(item: dict[str, Any], where: str, location: Location, model: type[BaseModel]) -> Problem:
    kind, shown = item["type"], _shown(item["input"])
    if kind == "extra_forbidden":
        key = str(location[-1])
        hint = _SAID_OTHERWISE.get(key) or suggestion(key, _keys_at(model, location[:-1]))
        return Problem(f"{where} is not a known key.", hint)
    if kind == "missing":
        return Problem(f"{where} is missing.", "It has no default: say what you want.")
    if kind == "language":
        return Problem(f"{where} {item['ctx']['message'].lstrip()}", item["ctx"]["hint"])
    if kind == "literal_error":
        allowed = [part.strip(" '") for part in item["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return Problem(f"{where} is {shown}. Possible: {', '.join(allowed)}.", suggestion(str(item["input"]), allowed))
    if kind in _EXPECTED:
        return Problem(f"{where} is {shown}; expected {_EXPECTED[kind]}.", "Correct the value.")
    message = item["msg"].removeprefix("Value error, ")
    return Problem(f"{where} is {shown}: {message[0].lower()}{message[1:]}.", "Correct the value.")


def _shown(value: object) -> str:
    """The value as the user wrote it, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _path(location: Location) -> str:
    """`("target_languages", 2)` as `target_languages[2]`."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def _keys_at(model: type[BaseModel], location: Location) -> list[str]:
    """The keys a model allows at a place below it; empty when the place is not a model."""
    current: Any = model
    for part in location:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(str(part))
            current = field.annotation if field is not None else None
        else:
            arguments = get_args(current)
            current = arguments[-1] if arguments else None
        current = _without_none(current)
    return list(current.model_fields) if isinstance(current, type) and issubclass(current, BaseModel) else []


def _without_none(annotation: Any) -> Any:
    """`Model` for `Model | None`."""
    arguments = get_args(annotation)
    others = [argument for argument in arguments if argument is not type(None)]
    return others[0] if len(others) == 1 < len(arguments) else annotation


def without(raw: Any, locations: Iterable[Location]) -> Any:
    """A copy of `raw` without the places in `locations`."""
    kept = copy.deepcopy(raw)
    for location in sorted(locations, key=_deepest_last_first, reverse=True):
        _remove(kept, [part for part in location if part != "[key]"])
    return kept


def _deepest_last_first(location: Location) -> tuple[int, list[tuple[int, str]]]:
    """Sorts so that list items are removed from the back."""
    return len(location), [(part, "") if isinstance(part, int) else (-1, part) for part in location]


def _remove(node: Any, location: Location) -> None:
    """Removes the deepest existing place along `location`."""
    for part in location[:-1]:
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            return
    last = location[-1] if location else None
    if isinstance(node, dict):
        for key in [key for key in node if key == last or str(key) == str(last)]:
            del node[key]
    elif isinstance(node, list) and isinstance(last, int) and last < len(node):
        del node[last]
