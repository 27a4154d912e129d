"""Typed configuration of assets and runs, and values from the environment."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticSerializationError

from mlorch.errors import InvalidConfigError, nearest

_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):([^/\s@]+)@")


class EnvVar(str):
    """The value of an environment variable, read when a run starts and never recorded.

    As text it is the variable's name, so that it can't leak the value.
    """

    __slots__ = ()

    def get_value(self) -> str:
        """Return the value. Raises InvalidConfigError where the variable is not set."""
        return _environment(str.__str__(self))

    @staticmethod
    def int(name: str) -> Any:
        """Return a variable whose value is a whole number; Any, as it stands where an int belongs."""
        return IntEnvVar(name)

    def __repr__(self) -> str:
        return f"EnvVar({str.__str__(self)!r})"


class IntEnvVar(EnvVar):
    """The whole-number value of an environment variable."""

    __slots__ = ()


class Fields(BaseModel):
    """Immutable, without unknown fields; an EnvVar may stand for any field until the run starts."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def __init__(self, **values: Any) -> None:
        if any(isinstance(value, EnvVar) for value in values.values()):
            _refuse_unknown(type(self), values)
            made = type(self).model_construct(**values)
            _refuse_missing(made)
            for slot in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
                object.__setattr__(self, slot, getattr(made, slot))
        else:
            super().__init__(**values)

    def resolved(self) -> Self:
        """Return a copy with the values of its environment variables, validated, or itself without any.

        Raises InvalidConfigError, naming the variable, where one is not set or does not fit its field.
        """
        values = values_of(self)
        given = {name: _resolve(value) for name, value in values.items()}
        if all(given[name] is values[name] for name in given):
            return self
        try:
            return type(self)(**given)
        except ValidationError as error:
            raise InvalidConfigError(explain(error, type(self).__name__, hide_input=True)) from None

    def secrets(self) -> set[str]:
        """Return the values that came from the environment, to be masked wherever text is kept."""
        values = values_of(self).values()
        found = {value.get_value() for value in values if isinstance(value, EnvVar)}
        return found.union(*(value.secrets() for value in values if isinstance(value, Fields)))


class Config(Fields):
    """The parameters of an asset. Subclass it and annotate the parameter `config` with the subclass."""

    mlorch_role: ClassVar[str] = "config"

    def recorded(self) -> dict[str, Any]:
        """Return the fields as JSON, with secrets masked: the form that is hashed and recorded.

        Raises InvalidConfigError for a field whose value JSON can't hold.
        """
        try:
            dumped = self.model_dump(mode="json", warnings=False)
        except PydanticSerializationError as error:
            raise InvalidConfigError(f"{type(self).__name__} can't be recorded as JSON: {error}") from None
        plain = _in_order(dumped, self)
        variables = {n: f"${str.__str__(v)}" for n, v in values_of(self).items() if isinstance(v, EnvVar)}
        masked: dict[str, Any] = mask({**plain, **variables})
        return masked


class PermissiveConfig(Config):
    """A Config that keeps unknown fields."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """The explicit configuration of a run: `ops` has a Config, or its fields, by asset name."""

    ops: Mapping[str, Any] = field(default_factory=dict)

    def to_config_dict(self) -> dict[str, Any]:
        """Return the form that YAML files have: {"ops": {name: {"config": {field: value}}}}, as recorded."""
        fields = {name: one.recorded() if isinstance(one, Config) else one for name, one in self.ops.items()}
        return {"ops": {name: {"config": dict(one)} for name, one in fields.items()}}


def make_config(config_class: type[Config], given: Mapping[str, Any], where: str) -> Config:
    """Return the config with its defaults. Raises InvalidConfigError, naming `where` and the field."""
    try:
        return config_class(**{str(name): value for name, value in given.items()})
    except ValidationError as error:
        raise InvalidConfigError(explain(error, where, known=config_class.model_fields)) from None


def values_of(fields: Fields) -> dict[str, Any]:
    """Return the values by name, those of unknown fields that a PermissiveConfig keeps among them."""
    names = (*type(fields).model_fields, *(fields.__pydantic_extra__ or ()))
    return {name: getattr(fields, name) for name in names}


def default_config(config_class: type[Config]) -> Config | None:
    """Return the config of a run that gives none; None where a run has to give one."""
    if any(one.is_required() for one in config_class.model_fields.values()):
        return None
    try:
        return config_class()
    except ValidationError:
        return None


def explain(
    error: ValidationError, where: str, *, known: Mapping[str, Any] | None = None, hide_input: bool = False
) -> str:
    """Return one line a mistake: the field, what was given and what would be right."""
    lines = []
    for one in error.errors():
        name = ".".join(str(part) for part in one["loc"])
        if one["type"] == "extra_forbidden":
            names = ", ".join(known or ()) or "none"
            lines.append(f"{where} has no field {name!r}{nearest(name, known or ())} (it has: {names})")
        elif one["type"] == "missing":
            lines.append(f"{where} needs a value for {name!r}")
        else:
            given = "" if hide_input else f", not {one['input']!r}"
            lines.append(f"{where}, field {name!r}: {one['msg']}{given}")
    return "\n".join(lines)


def mask(value: Any) -> Any:
    """Return JSON with the passwords in its URLs replaced by ***."""
    if isinstance(value, str):
        return _PASSWORD.sub(r"\1:***@", value)
    if isinstance(value, Mapping):
        return {name: mask(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [mask(one) for one in value]
    return value


def _environment(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise InvalidConfigError(
            f"the environment variable {name} is not set; set it before the run, e.g. export {name}=…"
        ) from None


def _resolve(value: Any) -> Any:
    if isinstance(value, IntEnvVar):
        text = value.get_value()
        try:
            return int(text)
        except ValueError:
            name = str.__str__(value)
            raise InvalidConfigError(f"the environment variable {name} must hold a whole number") from None
    if isinstance(value, EnvVar):
        return value.get_value()
    return value.resolved() if isinstance(value, Fields) else value


def _in_order(plain: Any, value: Any) -> Any:
    """Return the JSON of a value with what was a set sorted: a set has another order in each process."""
    if isinstance(value, BaseModel) and isinstance(plain, dict):
        return {name: _in_order(one, getattr(value, name, None)) for name, one in plain.items()}
    if isinstance(value, Mapping) and isinstance(plain, dict):
        pairs = zip(plain.items(), value.values(), strict=False)
        return {name: _in_order(one, other) for (name, one), other in pairs}
    if isinstance(value, Set | list | tuple) and isinstance(plain, list):
        listed = [_in_order(one, other) for one, other in zip(plain, value, strict=False)]
        return sorted(listed, key=json.dumps) if isinstance(value, Set) else listed
    return plain


def _refuse_missing(made: Fields) -> None:
    for name in type(made).model_fields:
        if name not in vars(made):
            raise InvalidConfigError(f"{type(made).__name__} needs a value for {name!r}")


def _refuse_unknown(model: type[BaseModel], values: Mapping[str, Any]) -> None:
    if model.model_config.get("extra") == "allow":
        return
    for name in values.keys() - model.model_fields.keys():
        raise InvalidConfigError(
            f"{model.__name__} has no field {name!r}{nearest(name, model.model_fields)}"
            f" (it has: {', '.join(model.model_fields)})"
        )
