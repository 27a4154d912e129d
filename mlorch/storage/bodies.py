"""An event as a row of the log's table, and back.

A body is the JSON of what no column holds, without what equals its default; what many facts share
is kept once, and stands in the body as the sha256 of its JSON. A materialization's body has two lines: what
says whether it is stale, and the rest, which is parsed when it is asked for. All runs and plans come through
here, so microseconds count.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, fields
from functools import partial
from hashlib import sha256
from operator import attrgetter
from typing import Any, NamedTuple, SupportsIndex

from mlorch.events import KINDS, AssetMaterialized, Event, Input, Json
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
        rest = {name: body.pop(name) for name in layout.late if name in body}
        text = f"{_dumps(body)}\n{_dumps(rest)}" if layout.late else _dumps(body)
        return seq, event.kind, *layout.columns(event), text

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
    texts = [row[6].partition("\n") for row in rows]
    bodies = json.loads(f"[{','.join([text[0] for text in texts])}]")
    wanted = {body[name] for name in _SHARED for body in bodies if isinstance(body.get(name), str)}
    missing = wanted.difference(known)
    shared = {**{one: known[one] for one in wanted - missing}, **find(missing)} if missing else known
    events = [
        _event(_LAYOUTS[row[1]], row, body, text[2], shared)
        for row, body, text in zip(rows, bodies, texts, strict=True)
    ]
    return list(map(_record, zip([row[0] for row in rows], events, strict=True)))


def decode_shared(texts: Sequence[str]) -> list[Json]:
    """Read what is kept under digests: mappings, and tuples of inputs."""
    values = json.loads(f"[{','.join(texts)}]")
    return [_inputs(value) if isinstance(value, list) else value for value in values]


@contextmanager
def no_collection() -> Iterator[None]:
    """Collect no garbage in the block: of many thousand records that are read, none is any."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


_FEW = 8
"""As many inputs as stand in the body itself; a longer list is often that of many facts."""

SOME = 500
"""Rows to decode at once: enough to share the cost of a call, few enough to stay in the processor's cache."""

_SHARED = ("inputs", "environment", "definition")

_dumps = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


# Twice as fast as the constructors of named tuples.
_input = partial(tuple.__new__, Input)
_record = partial(tuple.__new__, Record)


class _Kept(AssetMaterialized):
    """A materialization whose second line waits to be parsed; asked for it, it becomes a plain one.

    Meanwhile the line stands in the slot of `metadata`, and the slots of the line's other fields are empty.
    """

    __slots__ = ()

    __hash__ = AssetMaterialized.__hash__

    @property
    def metadata(self) -> Mapping[str, Json]:
        return _whole(self).metadata

    def __getattr__(self, name: str) -> Any:
        return getattr(_whole(self), name)

    def __eq__(self, other: object) -> bool:
        return _whole(self) == other

    def __repr__(self) -> str:
        return repr(_whole(self))

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return _whole(self).__reduce_ex__(protocol)


def _whole(event: _Kept) -> AssetMaterialized:
    text = _METADATA.__get__(event)
    # Another thread may have been faster.
    if isinstance(text, str):
        _fill(event, _LAYOUTS[event.kind].rest, json.loads(text), {})
        object.__setattr__(event, "__class__", AssetMaterialized)
    return event


class _Fields(NamedTuple):
    """Some fields of one kind of event by what stands for them in a body. A `put` fills one of an event."""

    required: tuple[tuple[str, Callable[..., None]], ...]
    plain: tuple[tuple[str, Callable[..., None], Any], ...]
    shared: tuple[tuple[str, Callable[..., None], Any], ...]
    tuples: tuple[tuple[str, Callable[..., None], Callable[[Any], Any]], ...]


class _Layout(NamedTuple):
    """How the fields of one kind of event lie in a row: in columns, in the body, and late in the body."""

    cls: type[Event]
    columns: Callable[[Event], tuple[Any, ...]]
    put_columns: tuple[Callable[..., None], ...]
    names: tuple[str, ...]
    values: Callable[[Event], Sequence[Any]]
    defaults: tuple[Any, ...]
    shared: tuple[str, ...]
    first: _Fields
    late: tuple[str, ...]
    rest: _Fields


def _event(
    layout: _Layout, row: Row, body: Mapping[str, Json], rest: str, shared: Mapping[str, Json]
) -> Event:
    # The slots are filled one by one: the __init__ of a frozen dataclass takes three times as long.
    event: Event = object.__new__(_Kept if rest else layout.cls)
    for put, value in zip(layout.put_columns, row[2:6], strict=False):
        put(event, value)
    _fill(event, layout.first, body, shared)
    if rest:
        _METADATA.__set__(event, rest)
    elif layout.late:
        _fill(event, layout.rest, body, shared)
    return event


def _fill(event: Event, some: _Fields, body: Mapping[str, Json], shared: Mapping[str, Json]) -> None:
    for name, put in some.required:
        put(event, body[name])
    get = body.get
    for name, put, default in some.plain:
        put(event, get(name, default))
    for name, put, default in some.shared:
        value = get(name, default)
        put(event, shared[value] if isinstance(value, str) else value)
    for name, put, make in some.tuples:
        value = get(name, ())
        if isinstance(value, str):
            value = shared[value]
        put(event, value if isinstance(value, tuple) else make(value))


def _inputs(values: Sequence[Sequence[Any]]) -> tuple[Input, ...]:
    return tuple(map(_input, values))


def _pairs(values: Sequence[Sequence[Any]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(map(tuple, values))


_TUPLES: Mapping[str, Callable[[Any], Any]] = {
    "partitions": tuple,
    "selection": tuple,
    "inputs": _inputs,
    "log": _pairs,
    "outputs": tuple,
    "slots": _pairs,
    "keys": tuple,
    "checks": tuple,
    "runs": tuple,
    "run_keys": tuple,
    "timetable": tuple,
}


_METADATA: Any = vars(AssetMaterialized)["metadata"]

_LATE = frozenset(
    (
        "step",
        "started_at",
        "attempt",
        "config",
        "content_hash",
        "size",
        "uri",
        "io_manager",
        "metadata",
        "metrics",
    )
)
"""The fields of a materialization that only those who ask for one asset partition want to know."""


def _layout(cls: type[Event]) -> _Layout:
    columns = ("run_id", "at", "asset", "partition") if "asset" in cls.__slots__ else ("run_id", "at")
    inner = [one for one in fields(cls) if one.name not in columns]
    names = tuple(one.name for one in inner)
    defaults = {
        one.name: one.default if one.default_factory is MISSING else one.default_factory() for one in inner
    }
    late = _LATE if cls is AssetMaterialized else frozenset[str]()
    of_columns = attrgetter(*columns)
    return _Layout(
        cls=cls,
        columns=of_columns if len(columns) == 4 else lambda event: (*of_columns(event), None, None),
        put_columns=tuple(getattr(cls, name).__set__ for name in columns),
        names=names,
        # Of a single name attrgetter gives the value itself.
        values=attrgetter(*names) if len(names) > 1 else lambda event: [getattr(event, *names)],
        defaults=tuple(defaults.values()),
        shared=tuple(name for name in _SHARED if name in names and name != "inputs"),
        first=_fields(cls, {name: one for name, one in defaults.items() if name not in late}),
        late=tuple(name for name in names if name in late),
        rest=_fields(cls, {name: one for name, one in defaults.items() if name in late}),
    )


def _fields(cls: type[Event], defaults: Mapping[str, Any]) -> _Fields:
    put = {name: getattr(cls, name).__set__ for name in defaults}
    return _Fields(
        required=tuple((name, put[name]) for name, default in defaults.items() if default is MISSING),
        plain=tuple(
            (name, put[name], default)
            for name, default in defaults.items()
            if name not in _SHARED and not isinstance(default, tuple) and default is not MISSING
        ),
        shared=tuple(
            (name, put[name], one)
            for name, one in defaults.items()
            if name in _SHARED and not isinstance(one, tuple)
        ),
        tuples=tuple(
            (name, put[name], _TUPLES[name]) for name, one in defaults.items() if isinstance(one, tuple)
        ),
    )


_LAYOUTS: Mapping[str, _Layout] = {kind: _layout(cls) for kind, cls in KINDS.items()}
