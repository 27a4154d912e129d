"""One step: read the inputs, call the user's function, keep what it gives, return the facts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from mlorch.definitions.asset_checks import AssetChecksDefinition
from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.checks import AssetCheckResult
from mlorch.definitions.config import plain_config
from mlorch.definitions.keys import AssetKey
from mlorch.definitions.reports import ExpectationResult
from mlorch.definitions.resources import InitResourceContext
from mlorch.errors import AssetCheckFailedError, Failure, NotFoundError, RetryRequested, SchemaError
from mlorch.events import AssetMaterialized, Event, OutputCaptured, StepSucceeded
from mlorch.execution.arguments import arguments_of, load
from mlorch.execution.call import Call, Kept, Outcome, Tools
from mlorch.execution.capture import Captured, capturing
from mlorch.execution.checking import Checker, broken_schema, expected
from mlorch.execution.context import (
    CURRENT,
    AssetCheckExecutionContext,
    AssetExecutionContext,
    OpExecutionContext,
    RunFacts,
    Surroundings,
)
from mlorch.execution.failures import describe
from mlorch.execution.hooks import HookContext, call_hooks, is_last, step_log
from mlorch.execution.keeping import Keeper
from mlorch.execution.metadata import redact
from mlorch.execution.reports import reported
from mlorch.execution.resources import opened
from mlorch.execution.results import Produced, read_results
from mlorch.execution.run import Run
from mlorch.log import History, Slot, slot_name


def perform(call: Call, tools: Tools) -> Outcome:
    """Make what the call is for. What the user's code raises, but for an interrupt, is in the outcome."""
    outcome = Outcome()
    captured = Captured()
    with capturing(captured):
        try:
            _make(call, tools, captured, outcome)
        except KeyboardInterrupt:
            raise
        except BaseException as raised:  # noqa: BLE001 - the user's code may call sys.exit, and polars may panic
            _failed(call, raised, outcome)
        if call.hooks and is_last(call, outcome):
            _call_hooks(call, tools, captured, outcome)
            outcome.has_told = True
    if not captured.is_empty:
        outcome.facts.insert(0, _output(call, captured))
    return outcome


def tell(call: Call, tools: Tools, outcome: Outcome) -> None:
    """Call the hooks of a step that could not: its worker died, or the run left it no further attempt."""
    captured = Captured()
    with capturing(captured):
        _call_hooks(call, tools, captured, outcome)
    if not captured.is_empty:
        outcome.facts.append(_output(call, captured))


def _failed(call: Call, raised: BaseException, outcome: Outcome) -> None:
    outcome.exception, outcome.error = raised, describe(raised, call)
    if isinstance(raised, SchemaError):
        outcome.facts.extend(broken_schema(call, raised, outcome.facts))
    elif isinstance(raised, Failure):
        outcome.may_retry = raised.allow_retries
    elif isinstance(raised, AssetCheckFailedError):
        # The value is made and was found wanting: another attempt would not check it again, but make another.
        outcome.may_retry = False
    elif isinstance(raised, RetryRequested):
        outcome.retry = raised.max_retries, raised.seconds_to_wait


def _make(call: Call, tools: Tools, captured: Captured, outcome: Outcome) -> None:
    started_at = time.time()
    facts = outcome.facts
    with open_resources(call.run, tools.open_instance) as resources:
        context = make_context(call, tools, captured, resources)
        keeper = Keeper(call, tools, context, resources)
        checker = Checker(call)
        arguments = dict(arguments_of(call, tools, context, resources))
        token = CURRENT.set(context)
        try:
            for said in read_results(call.node.op.function(**arguments), call):
                if isinstance(said, Produced):
                    known = len(keeper.materializations)
                    keeper.keep(said)
                    facts.extend(keeper.materializations[known:])
                elif isinstance(said, AssetCheckResult):
                    checker.add(said)
                else:
                    facts.append(_fact(said, call))
            checker.complete(keeper.made)
        finally:
            CURRENT.reset(token)
            facts.extend((*keeper.schemas, *checker.facts(keeper.made)))
            facts.extend(_fact(event, call) for event in context.events)
    outcome.outputs = frozenset(call.node.op.outs if call.is_observation else keeper.outputs)
    outcome.passed = keeper.passed
    outcome.values = keeper.values
    checker.refuse_failed()
    if call.path or not call.slots or call.is_observation:
        facts.append(_succeeded(call, keeper, started_at))


def _call_hooks(call: Call, tools: Tools, captured: Captured, outcome: Outcome) -> None:
    run, config = call.run, call.run.configs.get(call.config_path)
    context = HookContext(
        run.run_id,
        call.step,
        call.node.op,
        job_name=run.job,
        op_exception=outcome.exception,
        op_output_values=outcome.values,
        op_config=plain_config(config.value) if config is not None else None,
        log=step_log(call, captured),
        open_instance=tools.open_instance,
    )
    with open_resources(run, tools.open_instance) as resources:
        outcome.facts.extend(call_hooks(call, outcome, context, resources))


def open_resources(
    run: Run, open_instance: Callable[[], Any] | None = None
) -> AbstractContextManager[Mapping[str, Any]]:
    """Return the resources of a run as its steps are given them, to be entered."""
    if not run.resources:
        return nullcontext(run.resources)
    return opened(run.resources, init_context(run, open_instance))


def init_context(run: Run, open_instance: Callable[[], Any] | None = None) -> InitResourceContext:
    """Return what resources may know of the run that they are set up for."""
    facts = RunFacts(run.run_id, run.job, run.tags, run.run_config)
    return InitResourceContext(run_id=run.run_id, run=facts, open_instance=open_instance)


def make_context(
    call: Call, tools: Tools, captured: Captured, resources: Mapping[str, Any]
) -> OpExecutionContext:
    """Return what the function's parameter `context` is."""
    run, node = call.run, call.node
    config = run.configs.get(call.config_path)
    owner = call.owner if isinstance(call.owner, AssetsDefinition) else None
    partitions_def = owner.partitions_def if owner is not None else None
    chosen = {slot[0] for slot in call.slots}
    specs = owner.specs.values() if owner is not None else ()
    keys = [spec.key for spec in specs if spec.name in chosen]
    around = Surroundings(
        run_id=run.run_id,
        step=call.step,
        attempt=call.attempt,
        job_name=run.job,
        run_tags=run.tags,
        run_config=run.run_config,
        op_config=plain_config(config.value) if config is not None else None,
        resources=resources,
        required_resources=node.op.required_resource_keys.union(node.op.signature.resources),
        op=node.op,
        assets_def=owner,
        open_instance=tools.open_instance,
        upstream={one.name: one for one in (*call.orders, *call.arguments)},
        load_value=lambda slot, kind: _load(call, tools, resources, slot, kind),
        log_level=run.log_level,
        checks=call.checks,
    )
    cls = OpExecutionContext if owner is None else AssetExecutionContext
    if isinstance(owner, AssetChecksDefinition):
        cls, keys = AssetCheckExecutionContext, [AssetKey.from_user_string(key) for key in owner.checked]
    return cls(
        around,
        captured=captured,
        asset_keys=keys,
        partitions=call.partitions,
        partitions_def=partitions_def,
    )


def _load(call: Call, tools: Tools, resources: Mapping[str, Any], slot: Slot, kind: Any) -> Any:
    """Return the latest value of an asset partition; of what the step depends on, as this run made it."""
    for argument in (*call.arguments, *call.orders):
        for kept in argument.kept:
            if kept.slot == slot and kept.run_id:
                return load(kept, kind, tools, resources, argument)
    instance = tools.open_instance() if tools.open_instance is not None else None
    made = None
    if instance is not None:
        made = History(instance.log.latest(AssetMaterialized.kind, slots=[slot])).made(slot)
    if made is None:
        raise NotFoundError(f"step {call.step!r} asks for {slot_name(slot)}, which was never materialized")
    return load(
        Kept(slot, made.uri, made.content_hash, made.io_manager, made.metadata, made.run_id, made.step),
        kind,
        tools,
        resources,
    )


def _fact(said: Any, call: Call) -> Event:
    if isinstance(said, ExpectationResult):
        return expected(said, call)
    return replace(reported(said, call.run.run_id, time.time()), run_id=call.run.run_id)


def _succeeded(call: Call, keeper: Keeper, started_at: float) -> StepSucceeded:
    return StepSucceeded(
        run_id=call.run.run_id,
        at=time.time(),
        step=call.step,
        asset=call.asset,
        partition=call.partition,
        started_at=started_at,
        attempt=call.attempt,
        outputs=tuple(_kept_fact(one) for one in keeper.passed),
    )


def _kept_fact(kept: Kept) -> Mapping[str, Any]:
    return {
        "name": kept.output,
        "mapping_key": kept.mapping_key,
        "slot": kept.slot[0],
        "uri": kept.uri,
        "content_hash": kept.content_hash,
        "io_manager": kept.io_manager,
        "metadata": kept.metadata,
    }


def _output(call: Call, captured: Captured) -> OutputCaptured:
    secrets = call.run.secrets
    return OutputCaptured(
        run_id=call.run.run_id,
        at=time.time(),
        step=call.step,
        asset=call.asset,
        partition=call.partition,
        attempt=call.attempt,
        stdout=redact(captured.text("stdout"), secrets),
        stderr=redact(captured.text("stderr"), secrets),
        log=tuple((at, level, redact(text, secrets)) for at, level, text in captured.log),
    )
