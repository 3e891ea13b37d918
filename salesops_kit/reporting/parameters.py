"""A notebook's parameters: which it has, and whether the given ones fit."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from salesops_kit.errors import ParameterError

COMMON = ("workspace", "period", "as_of", "language", "scope")


def known_parameters(notebook: Path) -> list[str]:
    """Return the names in the notebook's parameters cell, in order."""
    import ast

    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            tree = ast.parse("".join(cell["source"]))
            return [name for node in tree.body for name in _assigned(node)]
    return []


def checked(notebook: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters the notebook takes.

    Raises
    ------
    ParameterError
        When a name is not among the notebook's parameters, or a value is no plain JSON value.
    """
    known = known_parameters(notebook)
    for name, value in given.items():
        if name not in known:
            listed = ", ".join(map(repr, known))
            raise ParameterError(f"{notebook.name} has no parameter {name!r}; it has {listed}")
        if not isinstance(value, str | int | float | bool | None):
            raise ParameterError(
                f"parameter {name!r} is {type(value).__name__}; give text, a number or true/false"
            )
    return dict(given)


def _assigned(node: Any) -> list[str]:
    import ast

    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    if isinstance(node, ast.Assign):
        return [t.id for t in node.targets if isinstance(t, ast.Name)]
    return []
