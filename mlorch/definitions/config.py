"""Typed configuration of assets, ops and runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mlorch.definitions.fields import Fields, explain, late_names, made_late, values_of
from mlorch.definitions.forms import read_fields
from mlorch.errors import InvalidConfigError


class Config(Fields):
    """The parameters of an asset or op. Subclass it and annotate the parameter `config` with the subclass."""

    mlorch_role: ClassVar[str] = "config"
    mlorch_is_bare: ClassVar[bool] = False
    """True where the one field `value` stands for a config that is no mapping."""


C = TypeVar("C", bound=Config)


class PermissiveConfig(Config):
    """A Config that keeps unknown fields."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """The explicit configuration of a run; YAML files have the same four sections.

    `ops` has a Config, or its fields, by the name of an asset or op; those within a graph stand in
    {graph: {"ops": {op: …}}}. `resources` has a resource, or its fields, by name. `execution` and `loggers`
    are as in YAML.
    """

    ops: Mapping[str, Any] = field(default_factory=dict)
    resources: Mapping[str, Any] = field(default_factory=dict)
    loggers: Mapping[str, Any] = field(default_factory=dict)
    execution: Mapping[str, Any] = field(default_factory=dict)

    def to_config_dict(self) -> dict[str, Any]:
        """Return the form that YAML files have: {"ops": {name: {"config": {field: value}}}}, as recorded."""
        found = {
            "ops": {name: _section(one) for name, one in self.ops.items()},
            "resources": {name: _section(one) for name, one in self.resources.items()},
            "loggers": dict(self.loggers),
            "execution": dict(self.execution),
        }
        return {name: one for name, one in found.items() if one or name == "ops"}


def is_section(given: Any) -> bool:
    """Tell {"config": …}, {"ops": …} and {"inputs": …} from the fields of a config."""
    return isinstance(given, Mapping) and bool(given) and given.keys() <= {"config", "ops", "inputs"}


def make_config(config_class: type[C], given: Any, where: str) -> C:
    """Return the config with its defaults: of one, of its fields, or of the forms that YAML has for them.

    Raises InvalidConfigError, naming `where` and every field that is wrong.
    """
    if isinstance(given, config_class):
        return given
    if config_class.mlorch_is_bare and not isinstance(given, Fields):
        given = {} if given is None or given == {} else {"value": given}
    if not isinstance(given, Fields | Mapping | None):
        raise InvalidConfigError(f"{where} should be fields, {{NAME: VALUE}}, not {given!r}")
    values = read_fields(config_class, values_of(given) if isinstance(given, Fields) else given or {})
    try:
        if late_names(config_class, values):
            made: C = made_late(config_class, values)
            return made
        return config_class(**values)
    except ValidationError as error:
        raise InvalidConfigError(explain(error, where, config_class)) from None


def default_config(config_class: type[Config]) -> Config | None:
    """Return the config of a run that gives none; None where a run has to give one."""
    if any(one.is_required() for one in config_class.model_fields.values()):
        return None
    try:
        return config_class()
    except ValidationError:
        return None


def plain_config(value: Any) -> Any:
    """Return a config as plain dicts and lists: what `context.op_config` is."""
    if isinstance(value, Config):
        kind = type(value)
        absent = kind.mlorch_absent - value.model_fields_set
        names = {name: one.alias or name for name, one in kind.model_fields.items()}
        found = {
            names.get(name, name): plain_config(one)
            for name, one in values_of(value).items()
            if name not in absent
        }
        return found["value"] if kind.mlorch_is_bare else found
    if isinstance(value, Enum):
        return getattr(value, "mlorch_stands_for", {}).get(value.name, value)
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, Mapping):
        return {name: plain_config(one) for name, one in value.items()}
    return [plain_config(one) for one in value] if isinstance(value, list) else value


def _section(given: Any) -> dict[str, Any]:
    """Return the form that YAML has of one entry of a RunConfig."""
    if isinstance(given, Fields):
        return {"config": given.recorded()}
    if not is_section(given):
        return {"config": dict(given) if isinstance(given, Mapping) else given}
    found = {}
    if "config" in given:
        config = given["config"]
        found["config"] = config.recorded() if isinstance(config, Fields) else config
    if "ops" in given:
        found["ops"] = {name: _section(one) for name, one in given["ops"].items()}
    if "inputs" in given:
        found["inputs"] = dict(given["inputs"])
    return found
