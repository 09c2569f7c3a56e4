"""What is wrong with a setting, in words for those who chose it: the setting, the value, what is
allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

# Longer values are cut: a whole group of settings may be given where one belongs.
_SHOWN = 80
_A_GROUP = "It is a group of settings: change one of them by its whole name, as in {where}.<name>"
_ALLOWED = {
    "greater_than": "It has to be more than {gt:g}",
    "greater_than_equal": "It has to be at least {ge:g}",
    "less_than_equal": "It can be {le:g} at most",
    "finite_number": "It has to be a number",
    "int_type": "It has to be a whole number",
    "int_parsing": "It has to be a whole number",
    "int_parsing_size": "It has to be a smaller number",
    "int_from_float": "It has to be a whole number",
    "float_type": "It has to be a number",
    "float_parsing": "It has to be a number",
    "bool_type": "It has to be true or false",
    "bool_parsing": "It has to be true or false",
    "string_type": "It has to be text",
    "string_too_short": "Its length has to be at least {min_length}",
    "string_too_long": "Its length can be at most {max_length}",
    "too_short": "Name {min_length} at least",
    "tuple_type": "It has to be a list, in square brackets",
    "dict_type": "It has to be pairs of names and values, in curly brackets",
    "model_type": _A_GROUP,
    "model_attributes_type": _A_GROUP,
}
_PATTERNS = {
    "^[A-Z]{2}$": "Write a country as two capital letters, such as NO",
    "^[A-Z]{3}$": "Write a currency as three capital letters, such as NOK",
}


def in_words(problem: ErrorDetails) -> str:
    """One problem that pydantic has found."""
    where = ".".join(str(part) for part in problem["loc"])
    context = problem.get("ctx", {})
    if problem["type"] == "value_error":
        said = problem["msg"].removeprefix("Value error, ")
        return f"{where}: {said}" if where else said
    if problem["type"] == "extra_forbidden":
        return f"{where}: There is no such setting. `varebro settings show` lists all there are."
    given = json.dumps(problem["input"], ensure_ascii=False, default=str, skipkeys=True)
    if len(given) > _SHOWN:
        given = f"{given[:_SHOWN]} ..."
    return f"{where}: {given} is not allowed. {_allowed(problem, where, context)}."


def _allowed(problem: ErrorDetails, where: str, context: Mapping[str, Any]) -> str:
    match problem["type"]:
        case "enum" | "literal_error":
            # An enum's member is written as <Origin.TFSO: '24so'>.
            choices = re.sub(r"<[^:>]+: ([^>]+)>", r"\1", str(context["expected"]))
            return "Choose " + choices.replace("'", "")
        case "string_pattern_mismatch":
            return _PATTERNS[str(context["pattern"])]
        case known if known in _ALLOWED:
            return _ALLOWED[known].format(where=where, **context)
        case _:
            return problem["msg"]
