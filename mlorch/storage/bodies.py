"""An event as a row of the log's table, and back.

A body is the JSON of what no column holds, without what equals its default; what many facts share
is kept once, and stands in the body as the sha256 of its JSON. All runs and plans come through here, so
microseconds count.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, fields
from hashlib import sha256
from operator import attrgetter
from typing import Any, NamedTuple

from mlorch.events import KINDS, Event, Input, Json
from mlorch.log import Record, Slot, number_inputs

Row = tuple[int, str, str | None, float, str | None, str | None, str]
"""A record as it is kept: seq, kind, run_id, at, asset, partition, body."""

Find = Callable[[set[str]], Mapping[str, Json]]


class Encoder:
    """Turns the events of one batch into rows; `interned` gets what they share, as JSON by its digest."""

    def __init__(self) -> None:
        self.interned: dict[str, str] = {}
        self._made: dict[Slot, int] = {}
        self._digests: dict[int, tuple[Json, str]] = {}

    def row(self, seq: int, event: Event) -> Row:
        """Return the row of the event under its number; its inputs get theirs as by `log.number`."""
        layout = _LAYOUTS[event.kind]
        body = {
            name: value
            for name, value, default in zip(layout.names, layout.values(event), layout.defaults, strict=True)
            if value != default
        }
        if inputs := number_inputs(event, seq, self._made):
            body["inputs"] = inputs if len(inputs) <= _FEW else self._digest(inputs)
        for name in layout.shared:
            if name in body:
                body[name] = self._digest(body[name])
        return seq, event.kind, *layout.columns(event), _dumps(body)

    def _digest(self, value: Json) -> str:
        # Many events of a run hold the same object. It is kept here, so that no other gets its id.
        known = self._digests.get(id(value))
        if known is None:
            text = _dumps(value)
            known = self._digests[id(value)] = value, sha256(text.encode()).hexdigest()
            self.interned[known[1]] = text
        return known[1]


def decode(rows: Sequence[Row], known: Mapping[str, Json], find: Find) -> list[Record]:
    """Return the records of rows; what they share is in `known`, by digest, or else in what `find` returns.

    Raises KeyError, TypeError or ValueError for a row that this version did not write.
    """
    records: list[Record] = []
    with _no_collection():
        for start in range(0, len(rows), _SOME):
            records += _decode(rows[start : start + _SOME], known, find)
    return records


def decode_shared(texts: Sequence[str]) -> list[Json]:
    """Read what is kept under digests: mappings, and tuples of inputs."""
    values = json.loads(f"[{','.join(texts)}]")
    return [_inputs(value) if isinstance(value, list) else value for value in values]


_FEW = 8
"""As many inputs as stand in the body itself; a longer list is often that of many facts."""

_SOME = 500
"""Rows decoded at once: enough to share the cost of a call, few enough to stay in the processor's cache."""

_SHARED = ("inputs", "environment", "definition")

_dumps = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


@contextmanager
def _no_collection() -> Iterator[None]:
    # Each of ten thousand new events would be visited many times over, and none of them is garbage.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _decode(rows: Sequence[Row], known: Mapping[str, Json], find: Find) -> list[Record]:
    bodies = json.loads(f"[{','.join([row[-1] for row in rows])}]")
    shared = [(body, name) for body in bodies for name in _SHARED if isinstance(body.get(name), str)]
    missing = {body[name] for body, name in shared if body[name] not in known}
    found = find(missing) if missing else known
    for body, name in shared:
        digest = body[name]
        body[name] = found[digest] if digest in missing else known[digest]
    return [
        Record(seq, _event(_LAYOUTS[kind], (run_id, at, asset, partition), body))
        for (seq, kind, run_id, at, asset, partition, _), body in zip(rows, bodies, strict=True)
    ]


class _Layout(NamedTuple):
    """How the fields of one kind of event lie in a row. A `put` fills a field of an event."""

    cls: type[Event]
    columns: Callable[[Event], tuple[Any, ...]]
    names: tuple[str, ...]
    values: Callable[[Event], tuple[Any, ...]]
    defaults: tuple[Any, ...]
    put_columns: tuple[Callable[..., None], ...]
    required: tuple[tuple[str, Callable[..., None]], ...]
    plain: tuple[tuple[str, Callable[..., None], Any], ...]
    mappings: tuple[tuple[str, Callable[..., None]], ...]
    shared: tuple[str, ...]
    tuples: tuple[tuple[str, Callable[..., None], Callable[[Any], Any]], ...]


def _event(layout: _Layout, columns: tuple[Any, ...], body: Mapping[str, Json]) -> Event:
    # The slots are filled one by one: the __init__ of a frozen dataclass takes three times as long.
    event: Event = object.__new__(layout.cls)
    for put, value in zip(layout.put_columns, columns, strict=False):
        put(event, value)
    for name, put in layout.required:
        put(event, body[name])
    for name, put, default in layout.plain:
        put(event, body.get(name, default))
    for name, put in layout.mappings:
        put(event, body.get(name) or {})
    for name, put, make in layout.tuples:
        value = body.get(name, ())
        put(event, value if isinstance(value, tuple) else make(value))
    return event


def _inputs(values: Sequence[Sequence[Any]]) -> tuple[Input, ...]:
    return tuple(map(Input._make, values))


def _pairs(values: Sequence[Sequence[Any]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(map(tuple, values))


_TUPLES: Mapping[str, Callable[[Any], Any]] = {
    "partitions": tuple,
    "selection": tuple,
    "inputs": _inputs,
    "log": _pairs,
    "outputs": tuple,
    "slots": _pairs,
}


def _layout(cls: type[Event]) -> _Layout:
    columns = ("run_id", "at", "asset", "partition") if "asset" in cls.__slots__ else ("run_id", "at")
    inner = [one for one in fields(cls) if one.name not in columns]
    names = tuple(one.name for one in inner)
    put = {name: getattr(cls, name).__set__ for name in (*columns, *names)}
    defaults = {
        one.name: one.default if one.default_factory is MISSING else one.default_factory() for one in inner
    }
    of_columns = attrgetter(*columns)
    return _Layout(
        cls=cls,
        columns=of_columns if len(columns) == 4 else lambda event: (*of_columns(event), None, None),
        names=names,
        values=attrgetter(*names),
        defaults=tuple(defaults.values()),
        put_columns=tuple(put[name] for name in columns),
        required=tuple((name, put[name]) for name in names if defaults[name] is MISSING),
        plain=tuple(
            (name, put[name], default)
            for name, default in defaults.items()
            if not isinstance(default, dict | tuple) and default is not MISSING
        ),
        mappings=tuple((name, put[name]) for name in names if isinstance(defaults[name], dict)),
        shared=tuple(name for name in _SHARED if name in names and name != "inputs"),
        tuples=tuple((name, put[name], _TUPLES[name]) for name in names if isinstance(defaults[name], tuple)),
    )


_LAYOUTS: Mapping[str, _Layout] = {kind: _layout(cls) for kind, cls in KINDS.items()}
