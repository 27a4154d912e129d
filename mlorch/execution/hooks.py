"""Hooks: what they are given, and how they are called where the step ran."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from mlorch.definitions.hooks import HookDefinition
from mlorch.definitions.resources import RequiredResources
from mlorch.errors import UserError
from mlorch.events import HookErrored
from mlorch.execution.call import Call, Outcome
from mlorch.execution.capture import Captured, LogHandler, traceback_text
from mlorch.execution.metadata import redact


@dataclass(slots=True)
class HookContext:
    """What a hook is told of the step: names and meaning are Dagster's."""

    mlorch_role: ClassVar[str] = "context"

    run_id: str
    step_key: str
    op: Any
    """The op: `.name`, `.tags`."""
    hook_def: HookDefinition | None = None
    job_name: str | None = None
    op_exception: BaseException | None = None
    """What the step raised; None where it succeeded."""
    op_output_values: Mapping[str, Any] = field(default_factory=dict)
    """What the step gave by output; of a dynamic one a dict by mapping key."""
    op_output_metadata: Mapping[str, Any] = field(default_factory=dict)
    op_config: Any = None
    """The config of the op, as fields by name."""
    resources: Any = None
    """Those that the hook requires, by attribute."""
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("mlorch"))
    open_instance: Callable[[], Any] | None = None

    @property
    def required_resource_keys(self) -> frozenset[str]:
        return self.hook_def.required_resource_keys if self.hook_def is not None else frozenset()

    @property
    def instance(self) -> Any:
        """The instance that the run belongs to. Raises UserError where the hook can't reach it."""
        if self.open_instance is None:
            raise UserError(f"the hook of step {self.step_key!r} has no instance to ask")
        return self.open_instance()


def is_last(call: Call, outcome: Outcome) -> bool:
    """Tell whether a step is over with this attempt."""
    if outcome.error is None or not outcome.may_retry:
        return True
    return call.attempt > (outcome.retry[0] if outcome.retry is not None else call.retries)


def call_hooks(
    call: Call, outcome: Outcome, context: HookContext, resources: Mapping[str, Any]
) -> list[HookErrored]:
    """Call the hooks that a step's end is for; return what they raised. An interrupt is let through."""
    found = []
    for hook in sorted(call.hooks, key=lambda one: one.name):
        if hook.on_failure != (outcome.error is not None):
            continue
        own = RequiredResources(resources, hook.required_resource_keys, f"hook {hook.name!r}")
        try:
            hook.function(replace(context, hook_def=hook, resources=own))
        except KeyboardInterrupt:
            raise
        except BaseException as raised:  # noqa: BLE001 - whatever a hook does, the step is over
            found.append(_errored(call, hook, raised))
    return found


def step_log(call: Call, captured: Captured) -> logging.Logger:
    """Return a logger whose records are kept with the step."""
    log = logging.Logger(call.step, logging.DEBUG)  # noqa: LOG001 - one of its own, as the step's context has
    log.addHandler(LogHandler(captured))
    return log


def _errored(call: Call, hook: HookDefinition, raised: BaseException) -> HookErrored:
    secrets = call.run.secrets
    frame = raised.__traceback__.tb_next if raised.__traceback__ is not None else None
    return HookErrored(
        run_id=call.run.run_id,
        at=time.time(),
        step=call.step,
        asset=call.asset,
        partition=call.partition,
        hook=hook.name,
        error={
            "type": type(raised).__name__,
            "message": redact(str(raised), secrets),
            "traceback": redact(traceback_text(raised, frame), secrets),
        },
    )
