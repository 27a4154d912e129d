"""What a step's function gave back, one output at a time."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlorch.definitions.checks import AssetCheckResult
from mlorch.definitions.keys import key_text
from mlorch.definitions.ops import DynamicOutput, Nothing
from mlorch.definitions.reports import DATA_VERSION, AssetMaterialization, AssetObservation, ExpectationResult
from mlorch.definitions.results import (
    NO_VALUE,
    DataVersion,
    DataVersionsByPartition,
    MaterializeResult,
    ObserveResult,
    Output,
)
from mlorch.errors import TypeCheckError
from mlorch.execution.arguments import owner_name
from mlorch.execution.call import Call
from mlorch.log import INITIAL


@dataclass(frozen=True, slots=True)
class Produced:
    """One output and what was said with it."""

    output: str
    value: Any
    metadata: Mapping[str, Any] | None = None
    data_version: DataVersion | None = None
    mapping_key: str | None = None
    tags: Mapping[str, str] | None = None
    is_result: bool = False
    """True where the value came in a MaterializeResult, for which no type was declared."""


Said = Produced | AssetCheckResult | AssetMaterialization | AssetObservation | ExpectationResult

_RESULTS = (
    Output,
    DynamicOutput,
    MaterializeResult,
    ObserveResult,
    AssetCheckResult,
    AssetMaterialization,
    AssetObservation,
    ExpectationResult,
)


def read_results(result: Any, call: Call) -> Iterator[Said]:
    """Yield what the function returned or yields, in order, as it comes.

    Raises TypeCheckError, naming the op or asset, for an output that it does not have, one given twice, and
    a required one that did not come.
    """
    if call.is_observation:
        yield from observations(result, call)
        return
    selected = tuple(_selected(call))
    given: set[tuple[str, str | None]] = set()
    checks = 0
    for one in _said(result, call):
        if isinstance(one, Produced):
            place = one.output, one.mapping_key
            if not call.path and one.output not in selected:
                raise TypeCheckError(
                    f"{owner_name(call)} gave its output {one.output!r}, which was not asked for; "
                    "make what context.selected_output_names has"
                )
            if place in given:
                raise TypeCheckError(f"{owner_name(call)} gave its output {_named(place)} twice")
            given.add(place)
        elif isinstance(one, AssetCheckResult):
            checks += 1
        yield one
    names = {name for name, _ in given}
    for name in selected:
        out = call.node.op.outs[name]
        if name in names or not out.is_required or out.is_dynamic:
            continue
        if call.path and checks:
            # In the graph of an asset, the result of a check fills the output that stands for it.
            checks -= 1
            yield Produced(name, NO_VALUE)
        elif call.targets and not call.path and _has_no_value(out):
            # As in Dagster: what is declared by a spec and not skippable was made when the function ends.
            yield Produced(name, NO_VALUE)
        else:
            raise TypeCheckError(
                f"{owner_name(call)} did not give its output {name!r}; "
                "yield or return it, or declare it with is_required=False"
            )


def observations(result: Any, call: Call) -> Iterator[Said]:
    """Yield what a function saw that says which data version something outside has now."""
    for one in result if inspect.isgenerator(result) else [result]:
        if isinstance(one, ObserveResult):
            output = _output_of(one.asset_key, call)
            version, metadata = one.data_version, one.metadata
        else:
            output, version, metadata = _output_of(None, call), one, None
        key = next(spec.key for name, spec in call.maker.specs.items() if name == output)
        versions = _by_partition(version, call)
        for partition, found in versions.items():
            text = found.value if isinstance(found, DataVersion) else found
            if text is None and isinstance(one, ObserveResult):
                text = INITIAL
            if not isinstance(text, str):
                raise TypeCheckError(
                    f"{owner_name(call)} observes {key} and gave {found!r}; give a DataVersion('…')"
                )
            yield AssetObservation(
                key, metadata=metadata or {}, partition=partition, tags={DATA_VERSION: text}
            )
        if isinstance(one, ObserveResult):
            yield from (_of_asset(check, output, call) for check in one.check_results or ())


def _by_partition(version: Any, call: Call) -> dict[str | None, Any]:
    if isinstance(version, DataVersionsByPartition):
        return dict(version.data_versions_by_partition.items())
    return {call.partition: version}


def _said(result: Any, call: Call) -> Iterator[Said]:
    outs = call.node.op.outs
    if inspect.isgenerator(result):
        for one in result:
            yield from _one(one, call)
    elif isinstance(result, _RESULTS):
        yield from _one(result, call)
    elif isinstance(result, tuple | list) and result and all(isinstance(one, _RESULTS) for one in result):
        yield from _listed(result, call)
    elif len(outs) == 1 and not next(iter(outs.values())).is_dynamic:
        yield Produced(next(iter(outs)), result)
    elif result is None:
        yield from (Produced(name, NO_VALUE) for name in _selected(call) if _has_no_value(outs[name]))
    elif isinstance(result, tuple | list) and len(result) == len(outs):
        for name, value in zip(outs, result, strict=True):
            yield from _at(name, value, call)
    elif outs:
        raise TypeCheckError(
            f"{owner_name(call)} has the outputs {', '.join(outs)} and returned {type(result).__name__}; "
            f"return a tuple of {len(outs)}, or yield Output(value, output_name=…)"
        )


def _listed(results: Iterable[Any], call: Call) -> Iterator[Said]:
    """Read results in one tuple: an Output that names none is the output at its place."""
    names = iter(call.node.op.outs)
    for one in results:
        if isinstance(one, Output) and len(call.node.op.outs) > 1:
            yield from _at(next(names, one.output_name), one, call)
        else:
            yield from _one(one, call)


def _at(place: str, one: Any, call: Call) -> Iterator[Said]:
    """Read what stands at the place of an output: its value, or a result with more about it."""
    if isinstance(one, Output):
        name = place if one.output_name == "result" else _known(one.output_name, call)
        yield Produced(name, one.value, one.metadata, one.data_version, None, one.tags)
    elif isinstance(one, _RESULTS):
        yield from _one(one, call)
    else:
        yield Produced(place, one)


def _one(result: Any, call: Call) -> Iterator[Said]:
    if isinstance(result, MaterializeResult | ObserveResult):
        output = _output_of(result.asset_key, call)
        value = result.value if isinstance(result, MaterializeResult) else NO_VALUE
        yield Produced(output, value, result.metadata, result.data_version, None, result.tags, True)
        for check in result.check_results or ():
            yield _of_asset(check, output, call)
    elif isinstance(result, DynamicOutput):
        yield Produced(
            _known(result.output_name, call), result.value, result.metadata, None, result.mapping_key
        )
    elif isinstance(result, Output):
        name = _known(result.output_name, call)
        yield Produced(name, result.value, result.metadata, result.data_version, None, result.tags)
    elif isinstance(result, AssetCheckResult | AssetMaterialization | AssetObservation | ExpectationResult):
        yield result
    elif len(call.node.op.outs) == 1:
        yield Produced(next(iter(call.node.op.outs)), result)
    else:
        raise TypeCheckError(
            f"{owner_name(call)} yielded {result!r}; with several outputs it has to be "
            "Output(value, output_name=…)"
        )


def _known(name: str, call: Call) -> str:
    outs = call.node.op.outs
    if name in outs:
        return name
    if name == "result" and len(outs) == 1:
        return next(iter(outs))
    raise TypeCheckError(f"{owner_name(call)} has no output {name!r} (it has: {', '.join(outs)})")


def _output_of(key: Any, call: Call) -> str:
    """Return the op's output that gives an asset."""
    outs = call.node.op.outs
    specs = call.owner.specs
    if key is None:
        if len(outs) == 1:
            return next(iter(outs))
        raise TypeCheckError(
            f"{owner_name(call)} makes several assets; say which with MaterializeResult(asset_key=…)"
        )
    places = call.maker.output_places if specs else {}
    for output, spec in specs.items():
        if spec.name == key_text(key) and places[output][0] == call.path:
            return places[output][1]
    known = ", ".join(spec.name for spec in specs.values())
    raise TypeCheckError(f"{owner_name(call)} does not make the asset {key_text(key)!r} (it makes: {known})")


def _of_asset(check: AssetCheckResult, output: str, call: Call) -> AssetCheckResult:
    """Return a result that names the asset with which it came."""
    if check.asset_key is not None:
        return check
    spec = next(
        spec
        for name, spec in call.maker.specs.items()
        if call.maker.output_places[name] == (call.path, output)
    )
    return AssetCheckResult(
        check.passed, spec.key, check.check_name, check.metadata, check.severity, check.description
    )


def _selected(call: Call) -> Iterator[str]:
    """Yield the outputs that are asked for: of what makes several assets, those in its slots."""
    outs = call.node.op.outs
    specs = call.owner.specs
    if len(specs) < 2 or not call.maker.can_subset:
        yield from outs
        return
    chosen = {slot[0] for slot in call.slots}
    places = call.maker.output_places
    left_out = {places[name][1] for name, spec in specs.items() if spec.name not in chosen}
    yield from (name for name in outs if name not in left_out)


def _has_no_value(out: Any) -> bool:
    return out.dagster_type is None or out.dagster_type is Nothing


def _named(place: tuple[str, str | None]) -> str:
    return repr(place[0]) if place[1] is None else f"{place[0]!r} with the mapping_key {place[1]!r}"
