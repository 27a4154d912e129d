"""What annotations say about values, without importing the libraries they name."""

from __future__ import annotations

import collections.abc as abc
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter
from itertools import islice
from typing import Any

Judge = Callable[[Any], str]
"""Says what a value is instead of what an annotation wants; "" where it fits."""

_LOOKED_AT = 1000
"""Items of a container that are looked at; a longer one is judged by its first thousand."""

_UNIONS = (typing.Union, types.UnionType)


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """Return what a value may be: the members of a union, or the annotation alone, without its wrappings."""
    if typing.get_origin(annotation) is typing.Annotated:
        return alternatives(annotation.__origin__)
    if typing.get_origin(annotation) in _UNIONS:
        return tuple(one for member in typing.get_args(annotation) for one in alternatives(member))
    # NewType and the type aliases of Python 3.12 say what they stand for.
    meant = getattr(annotation, "__supertype__", getattr(annotation, "__value__", None))
    return (annotation,) if meant is None or isinstance(annotation, type) else alternatives(meant)


def class_of(annotation: Any) -> type | None:
    """Return the class of a plain or subscripted annotation, None where it is something else."""
    cls = types.NoneType if annotation is None else typing.get_origin(annotation) or annotation
    return cls if isinstance(cls, type) and cls not in (Any, Parameter.empty) else None


def judge(annotation: Any) -> Judge:
    """Return what tells whether a value fits. What this does not know fits."""
    members = alternatives(annotation)
    if len(members) > 1:
        return _union(members)
    origin, arguments = typing.get_origin(members[0]), typing.get_args(members[0])
    if origin in _CONTAINERS and arguments:
        return _CONTAINERS[origin](origin, arguments)
    cls = class_of(members[0])
    return _anything if cls is None else _instance(cls)


def name(annotation: Any) -> str:
    """Return an annotation or a class as people write it."""
    if not isinstance(annotation, type) or typing.get_args(annotation):
        return repr(annotation).replace("typing.", "").replace("__main__.", "")
    parts = [part for part in annotation.__module__.split(".") if not part.startswith("_")]
    return ".".join([*parts, annotation.__qualname__]).removeprefix("builtins.")


def _anything(value: Any) -> str:
    return ""


def _instance(cls: type) -> Judge:
    wanted = _WIDER.get(cls, cls)
    if getattr(cls, "_is_protocol", False) and not getattr(cls, "_is_runtime_protocol", False):
        return _anything
    if typing.is_typeddict(cls):
        wanted = dict
    elif cls.__module__.startswith("pandera.typing"):
        # pandera's frames are for annotations only; values are those of the library that they derive from.
        wanted = next(base for base in cls.__mro__ if not base.__module__.startswith("pandera."))

    def tell(value: Any) -> str:
        return "" if isinstance(value, wanted) else name(type(value))

    return tell


def _union(members: tuple[Any, ...]) -> Judge:
    judges = [judge(member) for member in members]

    def tell(value: Any) -> str:
        return "" if any(not each(value) for each in judges) else name(type(value))

    return tell


def _literal(_origin: Any, values: tuple[Any, ...]) -> Judge:
    allowed = [(type(value), value) for value in values]

    def tell(value: Any) -> str:
        return "" if (type(value), value) in allowed else repr(value)

    return tell


def _items(origin: type, arguments: tuple[Any, ...]) -> Judge:
    outer, inner = _instance(origin), judge(arguments[0])

    def tell(value: Any) -> str:
        return outer(value) or _first(value, enumerate(islice(value, _LOOKED_AT)), inner)

    return tell


def _tuple(origin: type, arguments: tuple[Any, ...]) -> Judge:
    if arguments[-1] is Ellipsis:
        return _items(origin, arguments)
    outer, inner = _instance(origin), [judge(argument) for argument in arguments]

    def tell(value: Any) -> str:
        if outer(value):
            return outer(value)
        if len(value) != len(inner):
            return f"{name(type(value))} of {len(value)}"
        for position, item in enumerate(value):
            instead = inner[position](item)
            if instead:
                return _whose(value, position, instead)
        return ""

    return tell


def _mapping(origin: type, arguments: tuple[Any, ...]) -> Judge:
    outer, of_key, of_value = _instance(origin), judge(arguments[0]), judge(arguments[-1])

    def tell(value: Any) -> str:
        if outer(value):
            return outer(value)
        wrong = next(filter(None, map(of_key, islice(value, _LOOKED_AT))), "")
        if wrong:
            return f"{name(type(value))} with a key that is {wrong}"
        return _first(value, islice(value.items(), _LOOKED_AT), of_value)

    return tell


def _callable(_origin: Any, _arguments: tuple[Any, ...]) -> Judge:
    return lambda value: "" if callable(value) else name(type(value))


def _first(container: Any, items: Iterable[tuple[Any, Any]], inner: Judge) -> str:
    if inner is _anything:
        return ""
    for position, item in items:
        instead = inner(item)
        if instead:
            return _whose(container, position, instead)
    return ""


def _whose(container: Any, position: Any, instead: str) -> str:
    return f"{name(type(container))} whose [{position!r}] is {instead}"


_WIDER: Mapping[type, Any] = {float: (float, int), complex: (complex, float, int)}
"""Classes that Python's typing lets other numbers stand for."""

_CONTAINERS: Mapping[Any, Callable[[Any, tuple[Any, ...]], Judge]] = {
    typing.Literal: _literal,
    tuple: _tuple,
    abc.Callable: _callable,
    **dict.fromkeys((list, set, frozenset, abc.Sequence, abc.Set, abc.Collection), _items),
    **dict.fromkeys((dict, abc.Mapping), _mapping),
}
