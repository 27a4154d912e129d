"""What schedules and sensors ask for: runs, none, or more than runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic_core import PydanticSerializationError, to_jsonable_python

from mlorch.definitions.config import RunConfig, is_section
from mlorch.definitions.environment import EnvVar, Late
from mlorch.definitions.fields import Fields, mask, values_of
from mlorch.errors import InvalidConfigError, TypeCheckError, UserError

if TYPE_CHECKING:
    from mlorch.definitions.checks import AssetCheckKey
    from mlorch.definitions.dynamic import AddDynamicPartitionsRequest, DeleteDynamicPartitionsRequest
    from mlorch.definitions.keys import CoercibleToAssetKey
    from mlorch.definitions.reports import AssetMaterialization, AssetObservation
    from mlorch.events import Event


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run that is asked for: of the job of the schedule or sensor, unless it names another of theirs.

    A sensor has at most one run for a `run_key`, ever; a schedule at most one in a tick. Raises
    InvalidConfigError for a run config with a secret in it: the config waits in the log until it runs.
    """

    run_key: str | None = None
    run_config: Mapping[str, Any] | RunConfig | None = None
    """The form that YAML files have, whatever was given."""
    tags: Mapping[str, Any] | None = None
    job_name: str | None = None
    asset_selection: Sequence[CoercibleToAssetKey] | None = None
    """Only these of the job's assets."""
    stale_assets_only: bool = False
    partition_key: str | None = None
    asset_check_keys: Sequence[AssetCheckKey] | None = None
    """These checks, beside the `asset_selection`."""

    def __post_init__(self) -> None:
        for name in ("run_key", "job_name", "partition_key"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise TypeCheckError(f"RunRequest({name}=…) should be text, not {value!r}")
        put = object.__setattr__
        put(self, "run_config", written_config(self.run_config) if self.run_config else {})
        put(self, "tags", {str(name): str(one) for name, one in self.tags.items()} if self.tags else {})


@dataclass(frozen=True, slots=True)
class SkipReason:
    """Says why there is nothing to run."""

    skip_message: str | None = None


@dataclass(frozen=True, slots=True)
class SensorResult:
    """All that a sensor asks for at once; what it says is recorded together or not at all.

    The runs are checked against the partitions as they are after `dynamic_partitions_requests`. `facts` are
    of mlorch.events. Raises UserError for a reason to skip beside runs.
    """

    run_requests: Sequence[RunRequest] | None = None
    skip_reason: SkipReason | str | None = None
    """A SkipReason, whatever was given."""
    cursor: str | None = None
    dynamic_partitions_requests: (
        Sequence[AddDynamicPartitionsRequest | DeleteDynamicPartitionsRequest] | None
    ) = None
    asset_events: Sequence[AssetMaterialization | AssetObservation] | None = None
    facts: Sequence[Event] = ()

    def __post_init__(self) -> None:
        if isinstance(self.skip_reason, str):
            object.__setattr__(self, "skip_reason", SkipReason(self.skip_reason))
        if self.run_requests and self.skip_reason:
            raise UserError("a SensorResult has run_requests and a skip_reason; give one of them")
        if self.cursor is not None and not isinstance(self.cursor, str):
            raise TypeCheckError(f"SensorResult(cursor=…) should be text, not {self.cursor!r}")


def written_config(given: RunConfig | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a run config as it is kept until its run begins: JSON, in the form that YAML files have.

    What comes from the environment is {"env": NAME} and read by the run. Raises InvalidConfigError for a
    secret, and for a value that JSON can't hold.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        found: dict[str, Any] = _written(given, "")
        return found
    if not isinstance(given, RunConfig):
        raise InvalidConfigError(f"a run config is a RunConfig or a dict of its sections, not {given!r}")
    sections = {
        "ops": {name: _section(one, f"ops.{name}") for name, one in given.ops.items()},
        "resources": {name: _section(one, f"resources.{name}") for name, one in given.resources.items()},
        "loggers": _written(given.loggers, "loggers"),
        "execution": _written(given.execution, "execution"),
    }
    return {name: one for name, one in sections.items() if one}


def _section(given: Any, where: str) -> dict[str, Any]:
    found = _written(given, where)
    return found if is_section(given) else {"config": found}


def _written(value: Any, where: str) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, EnvVar):
        return {"env": str.__str__(value)}
    if isinstance(value, str):
        return str(_without_password(value, where))
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Mapping):
        return {str(name): _written(one, _within(where, name)) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_written(one, where) for one in value]
    if isinstance(value, SecretStr | SecretBytes):
        raise _secret(where)
    if isinstance(value, BaseModel):
        return _written_model(value, where)
    if isinstance(value, Late):
        raise InvalidConfigError(f"the run config, {where}: a {type(value).__name__} can't be kept for a run")
    try:
        return to_jsonable_python(value)
    except PydanticSerializationError:
        raise InvalidConfigError(
            f"the run config, {where}: JSON can't hold {value!r}; give text, numbers, lists or dicts"
        ) from None


def _written_model(value: BaseModel, where: str) -> dict[str, Any]:
    given = value.model_fields_set
    absent = type(value).mlorch_absent - given if isinstance(value, Fields) else ()
    names = {name: one.alias or name for name, one in type(value).model_fields.items()}
    return {
        names.get(name, name): _written(one, _within(where, name))
        for name, one in values_of(value).items()
        # A secret that is a default comes from the code again when the run begins.
        if name not in absent and (name in given or not isinstance(one, SecretStr | SecretBytes))
    }


def _within(where: str, name: object) -> str:
    return f"{where}.{name}" if where else str(name)


def _without_password(text: str, where: str) -> str:
    if "://" in text and mask(text) != text:
        raise _secret(where)
    return text


def _secret(where: str) -> InvalidConfigError:
    return InvalidConfigError(
        f"the run config, {where}: a secret would be kept in the log until the run begins; give its "
        "environment variable instead: EnvVar('NAME'), or {'env': 'NAME'} in a dict"
    )
