"""One step: read the inputs, call the user's function, keep what it gives, return the facts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.checks import AssetCheckResult
from mlorch.definitions.config import plain_config
from mlorch.definitions.keys import key_text
from mlorch.definitions.resources import InitResourceContext
from mlorch.errors import Failure, RetryRequested, SchemaError
from mlorch.events import CheckEvaluated, Event, OutputCaptured, StepSucceeded
from mlorch.execution.arguments import arguments_of
from mlorch.execution.call import Call, Kept, Outcome, Tools
from mlorch.execution.capture import Captured, capturing
from mlorch.execution.context import AssetExecutionContext, OpExecutionContext, RunFacts, Surroundings
from mlorch.execution.failures import describe
from mlorch.execution.keeping import Keeper
from mlorch.execution.metadata import plain, redact, redacted
from mlorch.execution.reports import reported
from mlorch.execution.resources import opened
from mlorch.execution.results import Produced, read_results
from mlorch.execution.run import Run


def perform(call: Call, tools: Tools) -> Outcome:
    """Make what the call is for. What the user's code raises, but for an interrupt, is in the outcome."""
    captured = Captured()
    outcome = Outcome()
    try:
        with capturing(captured):
            _make(call, tools, captured, outcome)
    except KeyboardInterrupt:
        raise
    except BaseException as raised:  # noqa: BLE001 - the user's code may call sys.exit, and polars may panic
        outcome.exception, outcome.error = raised, describe(raised, call)
        if isinstance(raised, SchemaError):
            outcome.facts.append(_failed_schema(call, raised))
        elif isinstance(raised, Failure):
            outcome.may_retry = raised.allow_retries
        elif isinstance(raised, RetryRequested):
            outcome.retry = raised.max_retries, raised.seconds_to_wait
    if not captured.is_empty:
        outcome.facts.insert(0, _output(call, captured))
    return outcome


def _make(call: Call, tools: Tools, captured: Captured, outcome: Outcome) -> None:
    started_at = time.time()
    facts = outcome.facts
    with opened(call.run.resources, init_context(call.run)) as resources:
        context = make_context(call, tools, captured, resources)
        keeper = Keeper(call, tools, context, resources)
        arguments = dict(arguments_of(call, tools, context, resources))
        try:
            for said in read_results(call.node.op.function(**arguments), call):
                if isinstance(said, Produced):
                    known = len(keeper.materializations)
                    keeper.keep(said)
                    facts.extend(keeper.materializations[known:])
                else:
                    facts.append(_fact(said, call))
        finally:
            facts.extend(_fact(event, call) for event in context.events)
    outcome.outputs = frozenset(call.node.op.outs if call.is_observation else keeper.outputs)
    outcome.passed = keeper.passed
    if call.path or not call.slots or call.is_observation:
        facts.append(_succeeded(call, keeper, started_at))


def init_context(run: Run) -> InitResourceContext:
    """Return what resources may know of the run that they are set up for."""
    return InitResourceContext(run_id=run.run_id, run=RunFacts(run.run_id, run.job, run.tags, run.run_config))


def make_context(
    call: Call, tools: Tools, captured: Captured, resources: Mapping[str, Any]
) -> OpExecutionContext:
    """Return what the function's parameter `context` is."""
    run, node = call.run, call.node
    config = run.configs.get(call.config_path)
    owner = call.owner if isinstance(call.owner, AssetsDefinition) else None
    chosen = {slot[0] for slot in call.slots}
    keys = [spec.key for spec in owner.specs.values() if spec.name in chosen] if owner is not None else ()
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
        upstream={one.name: [kept.slot[1] or "" for kept in one.kept] for one in call.arguments},
    )
    cls = OpExecutionContext if owner is None else AssetExecutionContext
    return cls(
        around,
        captured=captured,
        asset_keys=keys,
        partitions=call.partitions,
        partitions_def=owner.partitions_def if owner is not None else None,
    )


def _fact(said: Any, call: Call) -> Event:
    if isinstance(said, AssetCheckResult):
        return _checked(said, call)
    return replace(reported(said, call.run.run_id, time.time()), run_id=call.run.run_id)


def _checked(result: AssetCheckResult, call: Call) -> CheckEvaluated:
    return CheckEvaluated(
        run_id=call.run.run_id,
        at=time.time(),
        step=call.step,
        asset=key_text(result.asset_key) if result.asset_key is not None else call.asset,
        partition=call.partition,
        check=result.check_name or "check",
        passed=bool(result.passed),
        severity=str(result.severity.value),
        description=result.description,
        metadata=redacted(plain(result.metadata or {}), call.run.secrets),
    )


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


def _failed_schema(call: Call, error: SchemaError) -> CheckEvaluated:
    return CheckEvaluated(
        run_id=call.run.run_id,
        at=time.time(),
        step=call.step,
        asset=call.asset,
        partition=call.partition,
        check="schema",
        passed=False,
        metadata=redacted(error.report, call.run.secrets),
    )


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
