"""The verbs about checks: list them, show what they came to, run them without making anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlorch.app.materializing import Listener, Request, run_request
from mlorch.definitions.checks import AssetCheckEvaluation, AssetCheckKey
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.graph import AssetGraph
from mlorch.definitions.keys import AssetKey
from mlorch.definitions.selections import AssetSelection
from mlorch.errors import InvalidSelectionError, nearest
from mlorch.planning.check_selection import select_checks
from mlorch.planning.selection import coerced, found_keys
from mlorch.queries.checks import latest_evaluations

if TYPE_CHECKING:
    from mlorch.app.results import ExecutionResult
    from mlorch.instance import Instance


@dataclass(frozen=True, slots=True)
class CheckView:
    """A check with the newest evaluation of each partition; an asset's schema is one, though undeclared."""

    key: AssetCheckKey
    evaluations: tuple[AssetCheckEvaluation, ...] = ()
    """Newest first."""
    is_blocking: bool = False
    description: str | None = None
    step: str = ""

    @property
    def status(self) -> str:
        """PASSED, or FAILED or WARN where some partition did not pass; NEVER where it was not evaluated."""
        failed = [one for one in self.evaluations if not one.passed]
        if not self.evaluations:
            return "NEVER"
        if not failed:
            return "PASSED"
        return "FAILED" if any(one.severity == "ERROR" for one in failed) else "WARN"

    def as_json(self) -> dict[str, Any]:
        return {
            "asset": str(self.key.asset_key),
            "check": self.key.name,
            "status": self.status,
            "blocking": self.is_blocking,
            "description": self.description,
            "evaluations": [_as_json(one) for one in self.evaluations],
        }


def check_views(
    definitions: Definitions, instance: Instance, selection: str | Sequence[str] | None
) -> list[CheckView]:
    """Return the checks of the selected assets, of all by default, with what they came to last.

    Raises InvalidSelectionError for unknown names.
    """
    graph = definitions.graph
    chosen = tuple(graph.checks) if selection is None else select_checks(list(_several(selection)), graph)
    assets = list(graph.nodes) if selection is None else _assets(graph, selection, chosen)
    return [view for asset in assets for view in _of_asset(graph, instance, asset, set(chosen))]


def run_checks(
    definitions: Definitions,
    instance: Instance,
    request: Request,
    names: Iterable[str] = (),
    listener: Listener | None = None,
) -> ExecutionResult:
    """Evaluate the checks of the selected assets, or those of them that are named, and make nothing.

    Raises InvalidSelectionError for a name that none of them has, and where there is nothing to evaluate.
    """
    graph = definitions.graph
    chosen = [key for key in select_checks(request.selection, graph) if not graph.checks[key].specs]
    wanted = set(names)
    known = {key.name for key in chosen}
    for name in sorted(wanted - known):
        raise InvalidSelectionError(f"no selected asset has a check {name!r}{nearest(name, known)}")
    if wanted:
        chosen = [key for key in chosen if key.name in wanted]
    if not chosen:
        raise InvalidSelectionError(
            "no selected asset has a check of its own; those in the function of an asset run when it is made"
        )
    asked = replace(request, selection=AssetSelection.checks(*chosen))
    return run_request(definitions, instance, asked, listener or Listener())


def _of_asset(
    graph: AssetGraph, instance: Instance, asset: str, chosen: set[AssetCheckKey]
) -> Iterator[CheckView]:
    found: dict[str, list[AssetCheckEvaluation]] = {}
    for (name, _), one in latest_evaluations(instance.log, asset).items():
        found.setdefault(name, []).append(one)
    declared = [key for key in graph.checks if str(key.asset_key) == asset]
    for key in declared:
        if key in chosen:
            definition = graph.checks[key]
            spec = next(one for one in definition.check_specs if one.key == key)
            yield CheckView(
                key, tuple(found.pop(key.name, ())), spec.blocking, spec.description, definition.name
            )
    for name, evaluations in found.items():
        key = AssetCheckKey(AssetKey.from_user_string(asset), name)
        if key not in declared:
            yield CheckView(key, tuple(evaluations))


def _assets(graph: AssetGraph, selection: str | Sequence[str], checks: Iterable[AssetCheckKey]) -> list[str]:
    found = found_keys(coerced(list(_several(selection))), graph)
    found |= {str(key.asset_key) for key in checks}
    return [key for key in graph.nodes if key in found]


def _several(selection: str | Sequence[str]) -> Iterable[str]:
    return [selection] if isinstance(selection, str) else selection


def _as_json(one: AssetCheckEvaluation) -> dict[str, Any]:
    return {
        "partition": one.partition,
        "passed": one.passed,
        "severity": one.severity.value,
        "description": one.description,
        "metadata": one.metadata,
        "data_version": one.data_version,
        "run_id": one.run_id,
        "at": one.timestamp,
    }
