"""Which checks a selection means in a graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mlorch.definitions.checks import AssetCheckKey
from mlorch.definitions.graph import AssetGraph
from mlorch.errors import InvalidSelectionError, nearest
from mlorch.planning.selection import coerced, found_keys

if TYPE_CHECKING:
    from mlorch.definitions import selections
    from mlorch.definitions.selections import CoercibleToAssetSelection


def select_checks(
    selection: CoercibleToAssetSelection | None, graph: AssetGraph
) -> tuple[AssetCheckKey, ...]:
    """Return the checks that run with a selection, in the order of the definitions.

    Assets bring their checks along. None means those of all that is made here, or every one where nothing is.
    Raises InvalidSelectionError where a check is named that does not exist.
    """
    if selection is None:
        made = [key for key in graph.checks if graph.nodes[str(key.asset_key)].definition is not None]
        return tuple(made or graph.checks)
    found = _find(coerced(selection), graph)
    return tuple(key for key in graph.checks if key in found)


def _find(selection: selections.AssetSelection, graph: AssetGraph) -> set[AssetCheckKey]:
    operation, operands = selection.operation, selection.operands
    if operation == "checks":
        return set(_named(operands, graph))
    if operation == "checks_for":
        return _of(operands, graph)
    if operation == "all_checks":
        return set(graph.checks)
    if operation == "without_checks":
        return set()
    if operation in ("or", "and"):
        parts = [_find(one, graph) for one in operands]
        return set.union(*parts) if operation == "or" else set.intersection(*parts)
    if operation == "not":
        return set(graph.checks) - _find(operands[0], graph)
    return _of(found_keys(selection, graph), graph)


def _of(assets: Iterable[str], graph: AssetGraph) -> set[AssetCheckKey]:
    names = set(assets)
    return {key for key in graph.checks if str(key.asset_key) in names}


def _named(keys: Iterable[AssetCheckKey], graph: AssetGraph) -> Iterable[AssetCheckKey]:
    for key in keys:
        if key not in graph.checks:
            known = [one.to_user_string() for one in graph.checks]
            name = key.to_user_string()
            raise InvalidSelectionError(f"there is no check {name!r}{nearest(name, known)}")
        yield key
