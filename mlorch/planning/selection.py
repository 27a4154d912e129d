"""Which assets a selection means in a graph."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from mlorch.definitions import selections
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.graph import AssetGraph, make_graph
from mlorch.definitions.keys import AssetKey
from mlorch.definitions.selections import NULL
from mlorch.errors import InvalidSelectionError, nearest
from mlorch.planning.expressions import parse

if TYPE_CHECKING:
    from mlorch.definitions.graph import AssetNode
    from mlorch.definitions.selections import CoercibleToAssetSelection


def select(selection: CoercibleToAssetSelection | None, graph: AssetGraph) -> tuple[str, ...]:
    """Return the keys of what is to be made, in topological order; external assets are never among them.

    None means everything; several expressions, keys or assets mean their union. Raises InvalidSelectionError
    where an expression does not parse, where something is named that does not exist, and where external
    assets are all that is found.
    """
    view = _View(graph)
    found = view.made if selection is None else _find(coerced(selection), view, wide=True)
    chosen = tuple(key for key in graph.nodes if key in found and key not in view.external)
    if found and not chosen:
        one = min(found)
        raise InvalidSelectionError(
            f"{one!r} is external: it is made elsewhere; '{one}+' selects what reads it"
        )
    return chosen


def refuse_parts(keys: Collection[str], graph: AssetGraph) -> None:
    """Raise InvalidSelectionError where only some are meant of what one function can't make apart."""
    for key in keys:
        maker = graph.nodes[key].definition
        if maker is None or len(maker.specs) < 2 or maker.can_subset:
            continue
        left_out = sorted(spec.name for spec in maker.specs.values() if spec.name not in keys)
        if left_out:
            raise InvalidSelectionError(
                f"{maker.name!r} makes {key!r} only together with {', '.join(map(repr, left_out))}; "
                "select these as well, or declare it with can_subset=True"
            )


def found_keys(selection: selections.AssetSelection, graph: AssetGraph) -> set[str]:
    """Return the keys that are meant, those of external assets among them."""
    return _find(selection, _View(graph), wide=True)


def coerced(selection: CoercibleToAssetSelection | None) -> selections.AssetSelection:
    """Return what a `selection` argument says as one value.

    Raises InvalidSelectionError where an expression does not parse.
    """
    if selection is None:
        return selections.AssetSelection.all()
    if isinstance(selection, selections.AssetSelection):
        return selection
    if isinstance(selection, str):
        return parse(selection)
    if isinstance(selection, Sequence):
        several = tuple(coerced(one) for one in selection)
        return several[0] if len(several) == 1 else selections.AssetSelection("or", several)
    return selections.AssetSelection.assets(selection)


class AssetSelection(selections.AssetSelection):
    """A selection of assets, read from text or put together with `|`, `&` and `-`, that can be resolved."""

    __slots__ = ()

    @classmethod
    def from_string(cls, string: str) -> Self:
        """Read an expression. Raises InvalidSelectionError where it does not parse."""
        return cls.from_coercible(string)

    @classmethod
    def from_coercible(cls, selection: CoercibleToAssetSelection) -> Self:
        """Return the selection that a text, a key, an asset or a list of these means."""
        found = coerced(selection)
        return cls(found.operation, found.operands)

    def resolve(self, all_assets: AssetGraph | Definitions | Iterable[Any]) -> set[AssetKey]:
        """Return the keys that are meant; external ones where they were asked for.

        Raises InvalidSelectionError for a name that does not exist.
        """
        if isinstance(all_assets, Definitions):
            all_assets = all_assets.graph
        graph = all_assets if isinstance(all_assets, AssetGraph) else make_graph(all_assets)
        return {graph.nodes[key].spec.key for key in _find(self, _View(graph), wide=False)}


class _View:
    """A graph, and what was found out about it."""

    def __init__(self, graph: AssetGraph) -> None:
        self.nodes = graph.nodes
        self.downstream = graph.downstream
        self.external = {key for key, node in graph.nodes.items() if node.definition is None}

    @cached_property
    def made(self) -> set[str]:
        return self.nodes.keys() - self.external


# External assets found by a label are in the answer only if it is `wide`. What begins a walk is found widely:
# `tag:raw+` is what reads the raw assets, which are made elsewhere. What is made here is the same either way.


def _find(selection: selections.AssetSelection, view: _View, *, wide: bool) -> set[str]:
    operation, operands = selection.operation, selection.operands
    inner = _WITHIN.get(operation)
    if inner is None:
        return _FINDERS[operation](view, wide, *operands)
    terms = [one for one in operands if isinstance(one, selections.AssetSelection)]
    parts = [_find(one, view, wide=True) for one in terms]
    found = inner(view, parts, *operands[len(terms) :])
    if wide or found.isdisjoint(view.external):
        return found
    asked = set().union(*(_find(one, view, wide=False) for one in terms))
    return {key for key in found if key in asked or key not in view.external}


def _all(view: _View, wide: bool, include_sources: bool) -> set[str]:
    return set(view.nodes) if include_sources else view.made


def _keys(view: _View, wide: bool, *keys: str) -> set[str]:
    for key in keys:
        if key not in view.nodes:
            hint = "" if key.endswith("/") else nearest(key, view.nodes)
            raise InvalidSelectionError(f"there is no asset {key!r}{hint or _wildcard(key, view.nodes)}")
    return set(keys)


def _wildcard(key: str, known: Iterable[str]) -> str:
    """`ml/*` reads as all downstream of `ml/`; whoever writes it means something else."""
    if key and any(one.startswith(key) for one in known):
        return f"; for a wildcard write key:{key}*"
    if key and any(one.endswith(key) for one in known):
        return f"; for a wildcard write key:*{key}"
    return ""


def _pattern(view: _View, wide: bool, text: str) -> set[str]:
    matches = _matcher(text)
    return _some({key for key in view.nodes if matches(key)}, f"a key like {text!r}")


def _prefixes(view: _View, wide: bool, prefixes: Sequence[str], include_sources: bool) -> set[str]:
    found: set[str] = set()
    for prefix in prefixes:
        start = f"{prefix}/"
        mine = {key for key in view.nodes if key == prefix or key.startswith(start)}
        found |= _some(mine, f"a key that begins with {start!r}")
    return found if wide or include_sources else found - view.external


def _substring(view: _View, wide: bool, text: str, include_sources: bool) -> set[str]:
    matches = _matcher(f"*{text}*")
    found = _some({key for key in view.nodes if matches(key)}, f"a key with {text!r} in it")
    return found if wide or include_sources else found - view.external


_LABELS: Mapping[str, Callable[[AssetNode], Collection[str]]] = {
    "group": lambda node: (node.group,),
    "kind": lambda node: node.kinds,
    "owner": lambda node: node.owners,
    "tag": lambda node: [*node.tags, *[f"{name}={value}" for name, value in node.tags.items()]],
}


def _labels(
    view: _View, wide: bool, attribute: str, labels: Sequence[str], include_sources: bool
) -> set[str]:
    labels_of = _LABELS[attribute]
    found: set[str] = set()
    for label in labels:
        if label == NULL:
            found |= _some(
                {key for key, node in view.nodes.items() if not labels_of(node)}, f"no {attribute}"
            )
            continue
        if "*" in label:
            matches = _matcher(label)
            mine = {key for key, node in view.nodes.items() if any(map(matches, labels_of(node)))}
        else:
            mine = {key for key, node in view.nodes.items() if label in labels_of(node)}
        if not mine:
            known = {one for node in view.nodes.values() for one in labels_of(node)}
            raise InvalidSelectionError(f"no asset has the {attribute} {label!r}{nearest(label, known)}")
        found |= mine
    return found if wide or include_sources else found - view.external


def _matcher(text: str) -> Callable[[str], object]:
    """Return what says whether a text is this one, in which each `*` stands for any text."""
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL).fullmatch


def _some(found: set[str], what: str) -> set[str]:
    if not found:
        raise InvalidSelectionError(f"no asset has {what}")
    return found


def _external(view: _View, wide: bool) -> set[str]:
    return view.external


def _or(view: _View, wide: bool, *terms: selections.AssetSelection) -> set[str]:
    return set().union(*(_find(one, view, wide=wide) for one in terms))


def _not(view: _View, wide: bool, of: selections.AssetSelection) -> set[str]:
    return (set(view.nodes) if wide else view.made) - _find(of, view, wide=True)


def _none(view: _View, wide: bool, *checks: Any) -> set[str]:
    """Return no asset: only checks are meant."""
    return set()


def _without_checks(view: _View, wide: bool, of: selections.AssetSelection) -> set[str]:
    return _find(of, view, wide=wide)


def _source_assets(view: _View, wide: bool, of: selections.AssetSelection) -> set[str]:
    found = _find(of, view, wide=True)
    return {up for key in found for up in view.nodes[key].upstream if up in view.external}


_FINDERS: Mapping[str, Callable[..., set[str]]] = {
    "all": _all,
    "keys": _keys,
    "pattern": _pattern,
    "prefixes": _prefixes,
    "substring": _substring,
    "labels": _labels,
    "external": _external,
    "or": _or,
    "not": _not,
    "source_assets": _source_assets,
    "checks": _none,
    "checks_for": _none,
    "all_checks": _none,
    "without_checks": _without_checks,
}


def _and(view: _View, parts: list[set[str]]) -> set[str]:
    return set.intersection(*parts)


def _walk(
    view: _View, parts: list[set[str]], up: int | None, down: int | None, include_self: bool
) -> set[str]:
    (start,) = parts
    nodes = view.nodes
    above = _reach(start, up, lambda key: nodes[key].upstream)
    below = _reach(start, down, view.downstream.__getitem__)
    reached = (above | below) - view.external
    return reached | start if include_self else reached - start


def _reach(start: set[str], levels: int | None, nexts: Callable[[str], Iterable[str]]) -> set[str]:
    reached = set(start)
    edge = start
    while edge and levels != 0:
        edge = {found for key in edge for found in nexts(key)} - reached
        reached |= edge
        levels = levels if levels is None else levels - 1
    return reached


def _roots(view: _View, parts: list[set[str]]) -> set[str]:
    (found,) = parts
    inside = found - view.external
    return {key for key in found if _is_root(key, view.nodes[key].upstream, inside)}


def _is_root(key: str, upstream: tuple[str, ...], among: set[str]) -> bool:
    # An asset may depend on its own earlier partitions.
    return among.isdisjoint(upstream) or (key in upstream and among.isdisjoint({*upstream} - {key}))


def _sinks(view: _View, parts: list[set[str]]) -> set[str]:
    (found,) = parts
    inside = found - view.external
    return {key for key in found if inside.isdisjoint(view.downstream[key])}


def _materializable(view: _View, parts: list[set[str]]) -> set[str]:
    return parts[0] - view.external


def _neighbors(view: _View, parts: list[set[str]]) -> set[str]:
    (found,) = parts
    makers = {id(view.nodes[key].definition) for key in found - view.external}
    return found | {key for key in view.made if id(view.nodes[key].definition) in makers}


_WITHIN: Mapping[str, Callable[..., set[str]]] = {
    "and": _and,
    "walk": _walk,
    "roots": _roots,
    "sinks": _sinks,
    "materializable": _materializable,
    "neighbors": _neighbors,
}
