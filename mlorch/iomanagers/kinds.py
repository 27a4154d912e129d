"""Which values are kept how: by their annotation, or where it says nothing by what they are."""

from __future__ import annotations

import collections.abc as abc
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import NoneType
from typing import Any

from mlorch.definitions.io import IOManager
from mlorch.definitions.types import DagsterType
from mlorch.errors import TypeCheckError
from mlorch.iomanagers import hints, schemas
from mlorch.iomanagers.arrays import NumpyIOManager
from mlorch.iomanagers.frames import Library, ParquetIOManager, concatenated, library, wanted_library
from mlorch.iomanagers.jsonable import JsonIOManager, is_jsonable
from mlorch.iomanagers.models import JoblibIOManager
from mlorch.iomanagers.objects import PickleIOManager

MANAGERS: Mapping[str, IOManager] = {
    "model": JoblibIOManager(),
    "frame": ParquetIOManager(),
    "array": NumpyIOManager(),
    "json": JsonIOManager(),
    "object": PickleIOManager(),
}


class Kinds:
    """The kinds of values that mlorch knows, an implementation of `ValueKinds`."""

    __slots__ = ()

    def manager_for(self, annotation: Any, value: Any = ...) -> tuple[str, IOManager]:
        # A value that fits its annotation says more than it: whether a dict can be JSON, for one.
        kind = _form(annotation).kind if value is ... else kind_of(value)
        return kind, MANAGERS[kind]

    def manager_named(self, name: str) -> IOManager:
        return MANAGERS[name]

    def accept(self, value: Any, annotation: Any, where: str, known: Sequence[Mapping[str, Any]] = ()) -> Any:
        if type(value) is annotation:
            return value
        form = _form(annotation)
        if form.has_schema:
            return _validated(value, annotation, where, known)
        instead = form.judge(value)
        if instead:
            raise TypeCheckError(_contradiction(value, annotation, where, instead))
        return value

    def passed(self, value: Any, annotation: Any) -> Mapping[str, Any] | None:
        if type(value) is annotation:
            return None
        form = _form(annotation)
        if not form.has_schema:
            return None
        members = (schemas.model_of(one) for one in hints.alternatives(form.part))
        model = next(one for one in members if one is not None)
        frames = list(value.values()) if form.is_by_key and isinstance(value, Mapping) else [value]
        return schemas.passed(frames, model) if all(library(type(one)) for one in frames) else None

    def combine(self, parts: Mapping[str, Any], annotation: Any) -> Any:
        form = _form(annotation)
        values = list(parts.values())
        if form.is_by_key and list(parts) != [""]:
            return dict(parts)
        if len(values) < 2:
            return values[0] if values else None
        is_frames = form.library and all(library(type(value)) == form.library for value in values)
        return concatenated(values) if is_frames else dict(parts)

    def part(self, annotation: Any) -> Any:
        return _form(annotation).part


KINDS = Kinds()


def kind_of(value: Any) -> str:
    """Return the name of the kind that keeps a value."""
    cls = type(value)
    if cls in (list, dict):
        try:
            return "json" if is_jsonable(value) else "object"
        except RecursionError:
            return "object"
    kind = _kind_of_class(cls)
    return "object" if kind == "array" and value.dtype.hasobject else kind


@dataclass(frozen=True, slots=True)
class _Form:
    """What is read from an annotation once."""

    kind: str
    judge: hints.Judge
    library: Library
    is_by_key: bool
    """Whether several partitions are wanted as a dict."""
    part: Any
    has_schema: bool


def _form(annotation: Any) -> _Form:
    try:
        return _remembered(annotation)
    except TypeError:
        # Not hashable, as Literal[[]] is not.
        return _read(annotation)


def _read(annotation: Any) -> _Form:
    if isinstance(annotation, DagsterType):
        return replace(_form(annotation.typing_type), judge=_judge_of(annotation))
    part = _part(annotation)
    is_by_key = part is not None
    members = hints.alternatives(part if is_by_key else annotation)
    return _Form(
        kind=_kind_of_annotation(annotation),
        judge=hints.judge(annotation),
        library=wanted_library(annotation),
        is_by_key=is_by_key,
        part=part if is_by_key else annotation,
        has_schema=any(schemas.model_of(member) is not None for member in members),
    )


def _judge_of(wanted: DagsterType) -> hints.Judge:
    """Return what asks a type of one's own, and first the Python type that it stands for."""
    judge = hints.judge(wanted.typing_type)

    def tell(value: Any) -> str:
        said = wanted.type_check(None, value)
        if said.success:
            return judge(value)
        shown = f"{value!r:.80}"
        return f"{shown} ({said.description})" if said.description else shown

    return tell


_remembered: Callable[[Any], _Form] = lru_cache(maxsize=1024)(_read)


def _part(annotation: Any) -> Any:
    """Return T of `dict[str, T]`, None of any other annotation."""
    for member in hints.alternatives(annotation):
        arguments = typing.get_args(member)
        if typing.get_origin(member) in (dict, abc.Mapping) and arguments[0] is str:
            return arguments[1]
    return None


def _kind_of_annotation(annotation: Any) -> str:
    for member in hints.alternatives(annotation):
        cls = hints.class_of(member)
        if typing.get_origin(member) is typing.Literal or cls in (list, dict):
            return "json"
        if cls is not None and cls is not NoneType:
            return "json" if typing.is_typeddict(cls) else _kind_of_class(cls)
    return "json" if annotation is None else "object"


def _look(cls: type) -> str:
    """Return the kind by the names of a class and its ancestors: nothing is imported to ask."""
    names = {(each.__module__.partition(".")[0], each.__name__) for each in cls.__mro__}
    own = (cls.__module__.partition(".")[0], cls.__name__)
    if cls in (str, int, float, bool, NoneType) or (own[0] == "numpy" and issubclass(cls, float)):
        return "json"
    # A subclass of a frame or array may hold more than the file would.
    if library(cls) and own[0] in ("pandas", "polars", "pandera"):
        return "frame"
    if own == ("numpy", "ndarray"):
        return "array"
    return "model" if ("sklearn", "BaseEstimator") in names else "object"


_kind_of_class: Callable[[type], str] = lru_cache(maxsize=1024)(_look)


def _validated(value: Any, annotation: Any, where: str, known: schemas.Known) -> Any:
    members = hints.alternatives(annotation)
    for member in members:
        model = schemas.model_of(member)
        if model is not None and not _form(member).judge(value):
            return schemas.validated(value, model, where, known)
    form = _form(annotation)
    instead = form.judge(value)
    if instead:
        raise TypeCheckError(_contradiction(value, annotation, where, instead))
    if not form.is_by_key or value is None:
        return value
    of_each = [(one,) for one in known] if len(known) == len(value) else [()] * len(value)
    return {
        key: KINDS.accept(one, form.part, f"{where} ({key})", its)
        for (key, one), its in zip(value.items(), of_each, strict=True)
    }


def _contradiction(value: Any, annotation: Any, where: str, instead: str) -> str:
    is_number = type(value).__module__ == "numpy" and hasattr(value, "item") and not hasattr(value, "__len__")
    hint = "; item() makes it a plain value" if is_number else ""
    return f"{where} {instead} where its annotation says {hints.name(annotation)}{hint}"
