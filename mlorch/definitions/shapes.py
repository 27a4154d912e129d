"""`config_schema={…}`: a config declared as a dict, and the types that stand in one. Names are Dagster's."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import Field as PydanticField
from pydantic import TypeAdapter, ValidationError, create_model, model_validator

from mlorch.definitions.config import Config, PermissiveConfig
from mlorch.definitions.environment import Late
from mlorch.definitions.forms import read
from mlorch.errors import InvalidDefinitionError


class _Nothing:
    """No default was given; None is one."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field with a default value or a description."""

    config: Any
    default_value: Any = _Nothing
    is_required: bool | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """A dict with these fields and no others."""

    fields: Mapping[str, Any]
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Permissive:
    """A dict with these fields and any others."""

    fields: Mapping[str, Any] | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Selector:
    """A dict with exactly one of these fields."""

    fields: Mapping[str, Any]
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Array:
    """A list of values of one type."""

    inner_type: Any


@dataclass(frozen=True, slots=True)
class Map:
    """A dict with any keys of one type, and values of another."""

    key_type: Any
    inner_type: Any
    key_label_name: str | None = None


@dataclass(frozen=True, slots=True)
class Noneable:
    """A value, or None."""

    inner_type: Any


@dataclass(frozen=True, slots=True)
class EnumValue:
    """What is written for a choice, and what it stands for in Python; by default itself."""

    config_value: str
    python_value: Any = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Enum:
    """One of several choices."""

    name: str
    enum_values: Sequence[EnumValue]

    @staticmethod
    def from_python_enum(found: type[enum.Enum]) -> Any:
        """Return the choices that a Python Enum has, by name."""
        return found


StringSource, IntSource, BoolSource = str, int, bool
String, Int, Float, Bool = str, int, float, bool
"""Any value may be {env: NAME}, so that these say no more than str, int and bool."""


def config_class(schema: Any, owner: str) -> type[Config]:
    """Return the Config that a `config_schema` means: a Config, a dict of fields, or one type.

    Raises InvalidDefinitionError, naming `owner`, for what is no type of a config.
    """
    try:
        return _class(schema, f"{owner}_config")
    except (TypeError, ValidationError) as error:
        raise InvalidDefinitionError(f"the config_schema of {owner}: {error}") from None


def _class(schema: Any, name: str) -> type[Config]:
    if isinstance(schema, Field) and schema.default_value is _Nothing:
        return _class(schema.config, name)
    if isinstance(schema, Selector):
        return _selector(schema, name)
    if isinstance(schema, Permissive):
        return _model(schema.fields or {}, name, PermissiveConfig, schema.description)
    if isinstance(schema, Shape):
        return _model(schema.fields, name, Config, schema.description)
    if isinstance(schema, Mapping):
        return _model(schema, name, Config, None)
    if isinstance(schema, type) and issubclass(schema, Config):
        return schema
    return _model({"value": schema}, name, _Bare, None)


class _Bare(Config):
    """A config that is one value, not a dict."""

    mlorch_is_bare: ClassVar[bool] = True


class _OneOf(Config):
    """A config of which exactly one field is given."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            names = ", ".join(one.alias or name for name, one in type(self).model_fields.items())
            raise ValueError(f"give exactly one of {names}")
        return self


def _selector(schema: Selector, name: str) -> type[Config]:
    fields = {one: Field(inner, is_required=False) for one, inner in schema.fields.items()}
    return _model(fields, name, _OneOf, schema.description)


def _model(fields: Mapping[str, Any], name: str, base: type[Config], description: str | None) -> type[Config]:
    made: dict[str, Any] = {}
    absent = []
    for number, (field_name, schema) in enumerate(fields.items()):
        one = schema if isinstance(schema, Field) else Field(schema)
        annotation = _annotation(one.config, f"{name}_{field_name}")
        default = _default(one, annotation)
        safe = _safe(field_name, number)
        if default is _Nothing and one.is_required is False:
            absent.append(safe)
            annotation, default = annotation | None, None
        options: dict[str, Any] = {"description": one.description}
        if safe != field_name:
            options["alias"] = field_name
        if default is not _Nothing:
            options["default"] = default
        made[safe] = (annotation, PydanticField(**options))
    found: type[Config] = create_model(name, __base__=base, __doc__=description, **made)
    found.mlorch_absent = frozenset(absent)
    return found


def _safe(name: str, number: int) -> str:
    """Return a name that pydantic can give a field: some are methods of every model."""
    is_taken = hasattr(Config, name) or name.startswith(("_", "model_")) or not name.isidentifier()
    return f"field_{number}" if is_taken else name


def _annotation(schema: Any, name: str) -> Any:
    if isinstance(schema, Field):
        return _annotation(schema.config, name)
    if isinstance(schema, Noneable):
        return _annotation(schema.inner_type, name) | None
    if isinstance(schema, Array):
        return list[_annotation(schema.inner_type, name)]  # type: ignore[misc]
    if isinstance(schema, list):
        return list[_annotation(schema[0], name)] if schema else list[Any]  # type: ignore[misc]
    if isinstance(schema, Map):
        return dict[schema.key_type, _annotation(schema.inner_type, name)]  # type: ignore[misc]
    if isinstance(schema, Enum):
        return _choices(schema)
    if isinstance(schema, Mapping | Shape | Permissive | Selector):
        return _class(schema, name)
    if schema in (dict, list):
        return dict[str, Any] if schema is dict else list[Any]
    if schema is Any or isinstance(schema, type) or hasattr(schema, "__origin__"):
        return schema
    raise TypeError(f"{schema!r} is no type of a config; write str, int, a dict of fields, Field(…), …")


def _choices(schema: Enum) -> type[enum.Enum]:
    made = enum.Enum(schema.name, {one.config_value: one.config_value for one in schema.enum_values})  # type: ignore[misc]
    made.mlorch_stands_for = {  # type: ignore[attr-defined]
        one.config_value: one.config_value if one.python_value is None else one.python_value
        for one in schema.enum_values
    }
    return made


def _default(field: Field, annotation: Any) -> Any:
    """Return the default: the one given, or that of what is complete without a value, as in Dagster."""
    if field.default_value is not _Nothing:
        default = read(annotation, field.default_value)
        return default if isinstance(default, Late) else TypeAdapter(annotation).validate_python(default)
    if field.is_required is not None:
        return _Nothing
    if isinstance(field.config, Noneable):
        return None
    if isinstance(annotation, type) and issubclass(annotation, Config):
        is_complete = not any(one.is_required() for one in annotation.model_fields.values())
        return annotation() if is_complete and not issubclass(annotation, _OneOf) else _Nothing
    return _Nothing
