"""A text of a value that is the same in every process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import PurePath
from typing import Any

Refer = Callable[[object], str | None]


def value_text(value: object, refer: Refer) -> str:
    """Return what the value is, in full: equal texts are equal values.

    `refer` answers for what is named rather than held (functions, classes, modules) and gives None for data.
    An object counts by its class and by the state that it would be pickled with; one that refuses to be
    pickled, such as a lock or an open file, by its class alone, as does one that is nested too deep.
    """
    try:
        return _Writer(refer).write(value)
    except RecursionError:
        return _Writer(refer).write(type(value))


class _Writer:
    def __init__(self, refer: Refer) -> None:
        self._refer = refer
        self._open: dict[int, int] = {}

    def write(self, value: Any) -> str:
        kind = type(value)
        if kind in _PLAIN:
            return repr(value)
        if kind is int:
            return hex(value)  # past 4300 digits an int has no repr
        if kind in (bytes, bytearray):
            return f"{kind.__name__} {sha256(value).hexdigest()}"
        if id(value) in self._open:
            return f"^{len(self._open) - self._open[id(value)]}"
        self._open[id(value)] = len(self._open)
        try:
            return self._refer(value) or self._data(value, kind)
        finally:
            del self._open[id(value)]

    def _data(self, value: Any, kind: type) -> str:
        if kind in (list, tuple):
            return f"{kind.__name__}({self._all(value)})"
        if kind is dict:
            return f"dict({self._pairs(value.items())})"
        if kind in (set, frozenset):
            return f"{kind.__name__}({', '.join(sorted(map(self.write, value)))})"
        if kind is property:
            return f"property({self._all((value.fget, value.fset, value.fdel))})"
        if isinstance(value, PurePath):
            return f"path({value.as_posix()!r})"  # its class names the operating system
        return f"{self.write(kind)}({self._state(value)})"

    def _state(self, value: Any) -> str:
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:  # noqa: BLE001 - a user's class may refuse with any error
            return ""
        if isinstance(reduced, str):
            return repr(reduced)
        made, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        # Listed here, since ids in `_open` must stay those of living objects.
        listed = list(items or ()), list(pairs or ())
        return f"{self.write(made)}, {self.write(arguments)}, {self.write(state)}, {self.write(listed)}"

    def _all(self, values: Iterable[object]) -> str:
        return ", ".join(map(self.write, values))

    def _pairs(self, pairs: Iterable[tuple[object, object]]) -> str:
        return ", ".join(f"{self.write(key)}: {self.write(value)}" for key, value in pairs)


_PLAIN = frozenset({type(None), bool, float, complex, str, range, type(...), type(NotImplemented)})
