"""Types of one's own: a name and a function that tells whether a value is of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlorch.definitions.metadata import MetadataValue, with_kinds
from mlorch.definitions.signature import EMPTY


@dataclass(frozen=True, slots=True)
class TypeCheck:
    """What a type says of a value."""

    success: bool
    description: str | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class TypeCheckContext:
    """What a type's function is given beside the value."""

    log: logging.Logger = field(default_factory=lambda: logging.getLogger("mlorch.types"))


class DagsterType:
    """A type whose values a function tells: `type_check_fn(context, value)` is a bool or a TypeCheck.

    It stands where an annotation does: in `In`, `Out`, `AssetIn`, `dagster_type=…` or at a parameter.
    `typing_type` is the Python type that says how a value is kept.
    """

    def __init__(
        self,
        type_check_fn: Callable[[TypeCheckContext, Any], bool | TypeCheck],
        key: str | None = None,
        name: str | None = None,
        description: str | None = None,
        *,
        metadata: Mapping[str, Any] | None = None,
        typing_type: Any = EMPTY,
    ) -> None:
        self.type_check_fn = type_check_fn
        self.unique_name = str(name or key or getattr(type_check_fn, "__name__", "DagsterType"))
        self.description = description
        self.metadata: Mapping[str, MetadataValue] = with_kinds(metadata)
        self.typing_type = typing_type

    @property
    def display_name(self) -> str:
        return self.unique_name

    def type_check(self, context: TypeCheckContext | None, value: Any) -> TypeCheck:
        """Return what the function says of a value."""
        said = self.type_check_fn(context or TypeCheckContext(), value)
        return said if isinstance(said, TypeCheck) else TypeCheck(bool(said))

    def __call__(self, *_: Any) -> Any:
        """What makes it an annotation: `Optional[T]` asks that a type can be called."""
        raise TypeError(f"{self!r} is a type, not a function")

    def __repr__(self) -> str:
        return self.unique_name


def PythonObjectDagsterType(
    python_type: type | tuple[type, ...], name: str | None = None, description: str | None = None
) -> DagsterType:
    """Return the type of the instances of a class, or of several."""
    several = python_type if isinstance(python_type, tuple) else (python_type,)
    return DagsterType(
        _Instances(several),
        name=name or " | ".join(one.__name__ for one in several),
        description=description,
        typing_type=several[0] if len(several) == 1 else EMPTY,
    )


def check_dagster_type(dagster_type: DagsterType, value: Any) -> TypeCheck:
    """Return what a type says of a value, as in a test."""
    return dagster_type.type_check(None, value)


@dataclass(frozen=True, slots=True)
class _Instances:
    classes: tuple[type, ...]

    def __call__(self, _: TypeCheckContext, value: Any) -> TypeCheck:
        if isinstance(value, self.classes):
            return TypeCheck(True)
        return TypeCheck(False, f"it is a {type(value).__name__}")
