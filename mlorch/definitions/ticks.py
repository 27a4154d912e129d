"""One evaluation of a schedule or a sensor: what its function is given, and what it answers."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self, TypeVar

from mlorch.definitions.config import RunConfig
from mlorch.definitions.partitions import moment_of
from mlorch.definitions.requests import RunRequest, SensorResult, SkipReason
from mlorch.definitions.resources import RequiredResources
from mlorch.definitions.signature import read_signature
from mlorch.errors import InvalidDefinitionError, TypeCheckError, UserError, nearest


class DefaultScheduleStatus(StrEnum):
    """Whether a schedule goes where nobody started or stopped it."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


class DefaultSensorStatus(StrEnum):
    """Whether a sensor goes where nobody started or stopped it."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


S = TypeVar("S", bound=StrEnum)


def read_status(owner: str, kind: type[S], given: str) -> S:
    """Return a status that may be given by its name. Raises InvalidDefinitionError."""
    try:
        return kind(given)
    except ValueError:
        raise InvalidDefinitionError(
            f"{owner}: default_status should be RUNNING or STOPPED, not {given!r}"
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What surrounds an evaluation; what is costly is made when it is asked for."""

    open_instance: Callable[[], Any] | None = None
    resources: Mapping[str, Any] = field(default_factory=dict)
    """Those that there are; asking for one sets it up."""
    definitions: Any = None
    now: datetime | None = None
    given: Any = None
    """Resources by attribute, where a test gave them."""
    close: Callable[[], None] | None = None
    """Tears down what was set up."""
    find_keys: Callable[[Any], Sequence[str]] | None = None
    """Gives the keys of a selection of assets."""
    find_graph: Callable[[], Any] | None = None
    """Gives the assets with the partitions that they have now."""


class TickContext:
    """What schedules and sensors are told alike."""

    mlorch_role: ClassVar[str] = "context"

    def __init__(self, around: Around, name: str = "", required: frozenset[str] = frozenset()) -> None:
        self.mlorch_around = around
        self.mlorch_name = name
        self._required = required

    @property
    def mlorch_resources(self) -> Mapping[str, Any]:
        return self.mlorch_around.resources

    @property
    def instance(self) -> Any:
        """The instance. Raises UserError where the context was built without one."""
        if self.mlorch_around.open_instance is None:
            raise UserError(f"{self.mlorch_name or 'the context'} has no instance; build it with instance=…")
        return self.mlorch_around.open_instance()

    @property
    def resources(self) -> Any:
        """Those of `required_resource_keys`, by attribute; in a test all that were given."""
        around = self.mlorch_around
        if around.given is not None:
            return around.given
        return RequiredResources(around.resources, self._required, self.mlorch_name)

    @property
    def log(self) -> logging.Logger:
        return logging.getLogger("mlorch.ticks")

    @property
    def now(self) -> datetime:
        """The moment for which partitions are asked for."""
        return moment_of(self.mlorch_around.now)

    @property
    def definitions(self) -> Any:
        """All that the project declares; None in a test that gave nothing."""
        return self.mlorch_around.definitions

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.mlorch_around.close is not None:
            self.mlorch_around.close()


class ScheduleEvaluationContext(TickContext):
    """What the function of a schedule is told."""

    def __init__(
        self,
        around: Around,
        name: str = "",
        required: frozenset[str] = frozenset(),
        *,
        due: datetime | None = None,
    ) -> None:
        super().__init__(around, name, required)
        self._due = due

    @property
    def scheduled_execution_time(self) -> datetime:
        """When the tick was due, in the time zone of the schedule. Raises UserError where no test said it."""
        if self._due is None:
            raise UserError(
                "the context has no scheduled_execution_time; "
                "give build_schedule_context(scheduled_execution_time=…)"
            )
        return self._due


class SensorEvaluationContext(TickContext):
    """What the function of a sensor is told. Times are seconds since the epoch, UTC."""

    def __init__(
        self,
        around: Around,
        name: str = "",
        required: frozenset[str] = frozenset(),
        *,
        cursor: str | None = None,
        last_run_key: str | None = None,
        last_completed_at: float | None = None,
        started_at: float | None = None,
    ) -> None:
        super().__init__(around, name, required)
        self.cursor_updated = False
        self.last_run_key = last_run_key
        self.last_tick_completion_time = last_completed_at
        self.last_sensor_start_time = started_at
        self._cursor = cursor

    @property
    def sensor_name(self) -> str:
        return self.mlorch_name.partition("sensor ")[2].strip("'")

    @property
    def cursor(self) -> str | None:
        """What the last evaluation that did not fail left here."""
        return self._cursor

    def update_cursor(self, cursor: str | None) -> None:
        """Leave a text for the next evaluation; it is kept only if this one does not fail."""
        if cursor is not None and not isinstance(cursor, str):
            raise TypeCheckError(f"a cursor is text, not {cursor!r}; write update_cursor(str(…))")
        self._cursor = cursor
        self.cursor_updated = True

    @property
    def last_completion_time(self) -> float | None:
        return self.last_tick_completion_time

    @property
    def is_first_tick_since_sensor_start(self) -> bool:
        last, start = self.last_tick_completion_time, self.last_sensor_start_time
        return last is None or (start is not None and last < start)


@dataclass(slots=True)
class Evaluation:
    """What an evaluation came to."""

    run_requests: Sequence[RunRequest] = ()
    skip_message: str | None = None
    cursor: str | None = None
    dynamic_partitions_requests: Sequence[Any] = ()
    asset_events: Sequence[Any] = ()
    facts: Sequence[Any] = ()
    error: BaseException | None = None
    """What stopped it half way; what was asked for before it holds."""


class TickFunction:
    """A function of a tick: it may take a context, then what is given with it, and resources by annotation.

    Raises InvalidDefinitionError, naming `owner`, for a function that asks for more than there is.
    """

    def __init__(
        self, function: Callable[..., Any], owner: str, namespace: Mapping[str, Any], most: int = 1
    ) -> None:
        parameters = inspect.signature(function).parameters
        self.function = function
        self.owner = owner
        self.most = most
        self.resources: Mapping[str, Any] = {}
        self.positional: tuple[str, ...] = ()
        self.takes_all = any(one.kind is one.VAR_POSITIONAL for one in parameters.values())
        """True where it takes whatever it is given by position: a wrapper around another, say."""
        if self.takes_all:
            return
        signature = read_signature(function, owner, namespace)
        self.resources = signature.resources
        self.positional = tuple(
            name
            for name, one in parameters.items()
            if name not in signature.resources
            and one.kind is not one.VAR_KEYWORD
            and (one.default is one.empty or name == signature.context)
        )
        if len(self.positional) > most:
            extra = self.positional[most]
            raise InvalidDefinitionError(
                f"{owner}: nothing fills the parameter {extra!r}; annotate it with the class of a resource, "
                f"or leave it out ({'the context' if most == 1 else 'the context and the event'} comes first)"
            )

    def __call__(self, *given: Any) -> Any:
        """Return what the function returns; `given` begins with the context, which has the resources."""
        if self.takes_all:
            return self.function(*given[: self.most])
        named = dict(zip(self.positional, given, strict=False))
        for name in self.resources:
            named[name] = given[0].mlorch_resources[name]
        return self.function(**named)

    def call_directly(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Return what the function returns in a test. Raises UserError for what is missing."""
        if self.takes_all:
            return self.function(*args, **kwargs)
        named = {name: one for name, one in kwargs.items() if one is not None}
        context = next((one for one in (*args, *named.values()) if isinstance(one, TickContext)), None)
        named.update(zip(self.positional, args, strict=False))
        known = context.mlorch_resources if context is not None else {}
        for name in self.resources:
            if name not in named and name in known:
                named[name] = known[name]
        for name in (*self.positional, *self.resources):
            if name not in named:
                raise UserError(
                    f"{self.owner} has nothing for its parameter {name!r}{nearest(name, known)}; give it "
                    f"as {name}=…, a resource also where the context is built: resources={{{name!r}: …}}"
                )
        return self.function(**named)


def answers(result: Any, owner: str, *, config: bool = False) -> list[Any]:
    """Return the RunRequests, or the one SkipReason or SensorResult, that a function gave in any form.

    `config` says that a run config may stand for a run. Raises TypeCheckError for anything else, and
    UserError for what can't stand together.
    """
    if result is None:
        return []
    if isinstance(result, RunRequest | SkipReason | SensorResult):
        return [result]
    if config and isinstance(result, Mapping | RunConfig):
        return [RunRequest(run_config=result)]
    if isinstance(result, str | Mapping) or not isinstance(result, Iterable):
        raise _no_answer(result, owner)
    found = [one for one in result if one is not None]
    for one in found:
        if not isinstance(one, RunRequest | SkipReason | SensorResult):
            raise _no_answer(one, owner)
    if len(found) > 1 and not all(isinstance(one, RunRequest) for one in found):
        raise UserError(
            f"{owner} gave {', '.join(type(one).__name__ for one in found[:5])}; "
            "give RunRequests, or one SkipReason, or one SensorResult"
        )
    return found


def evaluated(found: Sequence[Any], empty: str, context: SensorEvaluationContext | None = None) -> Evaluation:
    """Return what answers come to; `empty` is said where there is none.

    Raises UserError for a SensorResult with a cursor where the context's was updated.
    """
    cursor = context.cursor if context is not None else None
    if not found:
        return Evaluation((), empty, cursor)
    first = found[0]
    if isinstance(first, SkipReason):
        return Evaluation((), first.skip_message or "", cursor)
    if isinstance(first, RunRequest):
        return Evaluation(found, None, cursor)
    if first.cursor is not None and context is not None and context.cursor_updated:
        raise UserError(
            "a SensorResult with a cursor was given and context.update_cursor() was called; do one of them"
        )
    reason = first.skip_reason
    said = reason.skip_message or "" if isinstance(reason, SkipReason) else empty
    return Evaluation(
        tuple(first.run_requests or ()),
        None if first.run_requests else said,
        first.cursor if first.cursor is not None else cursor,
        tuple(first.dynamic_partitions_requests or ()),
        tuple(first.asset_events or ()),
        tuple(first.facts),
    )


def _no_answer(given: Any, owner: str) -> TypeCheckError:
    return TypeCheckError(
        f"{owner} gave {given!r}; a RunRequest, several of them, a SkipReason or nothing is right"
    )
