"""From a function to all that it reaches, as one digest."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Hashable, Iterator
from hashlib import sha256
from types import FunctionType, ModuleType
from typing import Any

from mlorch.planning.fingerprint.bytecode import read_code
from mlorch.planning.fingerprint.names import Defined, Held, Names, Said, Target, defined, gather, is_mlorch
from mlorch.planning.fingerprint.values import value_text


class Walk:
    """Breadth first; what is reached gets the next number, and who reaches it names it by that number.

    Numbers, neither module names nor paths, so that a script says what the same module says when it is
    imported, and so that code which reaches itself has an end.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._numbers: dict[Hashable, int] = {}
        self._waiting: deque[Defined | FunctionType | type] = deque()

    def digest(self, function: object) -> str:
        """Return the sha256 of the function and of everything that it reaches, in hexadecimal digits."""
        hasher = sha256(self._value(function).encode("utf-8", "surrogatepass"))
        while self._waiting:
            text, reached = self._said(self._waiting.popleft())
            line = f"{text} {' '.join(map(self._text, reached))}\n"
            hasher.update(line.encode("utf-8", "surrogatepass"))
        return hasher.hexdigest()

    def _said(self, one: Defined | FunctionType | type) -> Said:
        if isinstance(one, Defined):
            return self._names.said(one)
        return gather(self._function(one) if isinstance(one, FunctionType) else _body(one))

    def _text(self, target: Defined | Held) -> str:
        if isinstance(target, Held):
            return self._value(target.value)
        return self._number(target.key, target)

    def _number(self, key: Hashable, one: Defined | FunctionType | type) -> str:
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers)
            self._waiting.append(one)
        return f"#{number}"

    def _value(self, value: object) -> str:
        return value_text(value, self._refer)

    def _refer(self, value: Any) -> str | None:
        """Return what stands for a function, a class or a module; None for data."""
        if isinstance(value, FunctionType):
            return self._number(value, value)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, ModuleType):
            module = self._names.project.module(value.__name__)
            return self._text(defined(module, "*")) if module is not None else f"import {value.__name__}"
        if "__wrapped__" in getattr(value, "__dict__", ()) or hasattr(type(value), "__wrapped__"):
            kind = self._class(type(value))
            inner = self._value(value.__wrapped__)
            return inner if is_mlorch([kind]) else f"{kind} around {inner}"
        return None

    def _function(self, function: FunctionType) -> Iterator[Target]:
        module = self._names.project.module_of(function)
        held = _cells(function)
        if module is None:
            yield f"import {function.__module__}.{function.__qualname__}"
            inner = getattr(function, "__wrapped__", None)
            inside = [inner] if inner else [one for one in held.values() if isinstance(one, FunctionType)]
            yield from map(Held, inside)
            return
        code = function.__code__
        piece = module.source.routine(code) if module.source else None
        yield from self._names.of_piece(module, piece or read_code(code), held)
        for name, one in held.items():
            if not isinstance(one, ModuleType):
                yield from (name, Held(one))
        if piece is None or "<locals>" in code.co_qualname:
            # Who called the function around decides what these expressions gave.
            yield from (Held(function.__defaults__), Held(function.__kwdefaults__))

    def _class(self, kind: type) -> str:
        name, path = kind.__module__, kind.__qualname__.split(".")
        module = self._names.project.module(name)
        if module is None and name in sys.modules and name != "__main__":
            return f"import {name}.{kind.__qualname__}"
        source = module.source if module is not None else None
        binding = source.binding(path[0]) if source is not None and "<locals>" not in path else None
        if module is not None and binding is not None and binding.pieces:
            return self._text(defined(module, path[0]))
        return self._number(kind, kind)


def _body(kind: type) -> Iterator[Target]:
    """A class without source, or made inside of a function."""
    yield kind.__name__
    yield from map(Held, kind.__bases__)
    for name, attribute in vars(kind).items():
        if name not in _GIVEN:
            yield from (name, Held(attribute))


# What Python itself, and pydantic, put into a class; what of it matters is said elsewhere.
_GIVEN = frozenset(
    {"__module__", "__qualname__", "__dict__", "__weakref__", "__doc__", "__annotations__", "__firstlineno__"}
    | {"__static_attributes__", "__annotate__", "__annotate_func__", "__annotations_cache__"}
    | {"__pydantic_core_schema__", "__pydantic_validator__", "__pydantic_serializer__"}
)


def _cells(function: FunctionType) -> dict[str, Any]:
    """Return the contents of the closure; a cell that is still empty is left out."""
    held = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            held[name] = cell.cell_contents
        except ValueError:
            continue
    return held
