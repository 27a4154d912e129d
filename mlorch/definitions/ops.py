"""Ops: functions that are the steps of graphs and jobs, with their inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from mlorch.definitions.keys import CoercibleToAssetKey
from mlorch.definitions.results import NO_VALUE
from mlorch.definitions.signature import EMPTY, Signature
from mlorch.errors import InvalidDefinitionError

if TYPE_CHECKING:
    from mlorch.definitions.config import Config
    from mlorch.definitions.specs import RetryPolicy

T = TypeVar("T")


class Nothing:
    """The type of an input or output that carries no value: it orders only."""


@dataclass(frozen=True, slots=True)
class In:
    """An input of an op."""

    dagster_type: Any = EMPTY
    description: str | None = None
    default_value: Any = NO_VALUE
    metadata: Mapping[str, Any] | None = None
    asset_key: CoercibleToAssetKey | None = None
    input_manager_key: str | None = None


@dataclass(frozen=True)
class Out:
    """An output of an op. One that is not required may stay away: what waits for it is skipped."""

    dagster_type: Any = EMPTY
    description: str | None = None
    is_required: bool = True
    io_manager_key: str | None = None
    metadata: Mapping[str, Any] | None = None
    code_version: str | None = None

    is_dynamic: ClassVar[bool] = False


@dataclass(frozen=True)
class DynamicOut(Out):
    """An output of which there are as many as the op yields, each a DynamicOutput with a key of its own."""

    is_dynamic: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class DynamicOutput(Generic[T]):
    """One value of a DynamicOut. Raises InvalidDefinitionError for a key that can't name a step."""

    value: T
    mapping_key: str
    output_name: str = "result"
    metadata: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.mapping_key, str) or not re.fullmatch(r"[A-Za-z0-9_]+", self.mapping_key):
            raise InvalidDefinitionError(
                f"mapping_key={self.mapping_key!r} has to be text of letters, digits and '_'; it names steps"
            )


class OpDefinition:
    """A function that is a step of graphs and jobs."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        *,
        signature: Signature,
        ins: Mapping[str, In],
        outs: Mapping[str, Out],
        config: type[Config] | None = None,
        retry_policy: RetryPolicy | None = None,
        tags: Mapping[str, str] | None = None,
        pool: str | None = None,
        code_version: str | None = None,
        description: str | None = None,
        hooks: frozenset[Any] = frozenset(),
        required_resource_keys: frozenset[str] = frozenset(),
    ) -> None:
        self.function = function
        self.name = name
        self.signature = signature
        self.ins = dict(ins)
        self.outs = dict(outs)
        self.config = config
        self.retry_policy = retry_policy
        self.tags = dict(tags or {})
        self.pool = pool
        self.code_version = code_version
        self.description = description
        self.hooks = hooks
        self.required_resource_keys = required_resource_keys
        self.__name__ = getattr(function, "__name__", name)
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.__wrapped__ = function

    def __repr__(self) -> str:
        return f"<op {self.name}>"
