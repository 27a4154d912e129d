"""Which ops of a job a selection means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from mlorch.definitions.nodes import OpNode, outputs_of
from mlorch.errors import InvalidSelectionError, nearest

_CLAUSE = re.compile(r"(\*|\+*)([\w.]+)(\*|\+*)")


def select_ops(selection: Iterable[str], nodes: Mapping[str, OpNode]) -> tuple[str, ...]:
    """Return the paths of the ops that are meant, in the order of the job.

    Each text is the name of an op, or of a graph with all its ops, with "+" for each step above (in front)
    or below (behind) that is meant as well, or "*" for all of them. Raises InvalidSelectionError.
    """
    if isinstance(selection, str):
        raise InvalidSelectionError(f"op_selection is a list of texts, such as [{selection!r}]")
    above = {path: {one.path for one in outputs_of(node.inputs.values())} for path, node in nodes.items()}
    below: dict[str, set[str]] = {path: set() for path in nodes}
    for path, several in above.items():
        for one in several:
            below[one].add(path)
    found: set[str] = set()
    for clause in selection:
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise InvalidSelectionError(
                f"op_selection: {clause!r} does not parse; write an op's name, with + or * around it"
            )
        before, name, behind = match.groups()
        named = _named(name, tuple(nodes))
        found |= _reached(named, above, before) | _reached(named, below, behind)
    return tuple(path for path in nodes if path in found)


def _named(name: str, paths: Sequence[str]) -> set[str]:
    found = {path for path in paths if path == name or path.startswith(f"{name}.")}
    if not found:
        raise InvalidSelectionError(f"op_selection: the job has no op {name!r}{nearest(name, paths)}")
    return found


def _reached(named: set[str], next_to: Mapping[str, set[str]], depth: str) -> set[str]:
    found, edge = set(named), named
    steps = len(next_to) if depth == "*" else len(depth)
    for _ in range(steps):
        edge = {one for path in edge for one in next_to[path]} - found
        if not edge:
            break
        found |= edge
    return found
