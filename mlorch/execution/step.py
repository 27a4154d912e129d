"""One step: read the inputs, call the user's function, keep the value, return the facts."""

from __future__ import annotations

import errno
import inspect
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.io import InputContext, IOManager, OutputContext, StoredValue, ValueKinds, ValueStore
from mlorch.definitions.keys import AssetKey
from mlorch.definitions.results import NO_VALUE, DataVersion, MaterializeResult, Output
from mlorch.definitions.specs import CONTENT
from mlorch.errors import IntegrityError, MlorchError, NotFoundError, SchemaError, TypeCheckError
from mlorch.events import AssetMaterialized, CheckEvaluated, Event, Input, OutputCaptured
from mlorch.execution.capture import Captured, capturing, traceback_text
from mlorch.execution.context import AssetExecutionContext, plain
from mlorch.execution.run import Run, facts_of
from mlorch.log import Slot, slot_name
from mlorch.planning.fingerprint import environment
from mlorch.planning.versions import data_version


@dataclass(frozen=True, slots=True)
class Kept:
    """What a step needs to know of an upstream value to read it."""

    slot: Slot
    uri: str | None = None
    content_hash: str | None = None
    io_manager: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter and the upstream values that fill it, in key order."""

    name: str
    annotation: Any
    kept: tuple[Kept, ...]


@dataclass(frozen=True, slots=True)
class Tools:
    """What carries values; everything in it travels to worker processes."""

    store: ValueStore
    kinds: ValueKinds
    environments: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """By module, as read once in a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One attempt at one step, complete in itself, so that it can be performed anywhere."""

    run: Run
    definition: AssetsDefinition
    slot: Slot
    attempt: int
    arguments: tuple[Argument, ...]
    inputs: tuple[Input, ...]
    code_version: str
    is_code_declared: bool
    default_config_digest: str | None


@dataclass(slots=True)
class Outcome:
    """What an attempt came to: facts, and where it failed its error for the log and for the caller."""

    facts: list[Event]
    error: dict[str, Any] | None = None
    exception: BaseException | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # The exception stays where it was raised: not every one can be pickled.
        return Outcome, (self.facts, self.error)


def perform(call: Call, tools: Tools) -> Outcome:
    """Make the asset partition. What the user's code raises, but for an interrupt, is in the outcome."""
    captured = Captured()
    facts: list[Event] = []
    error = exception = None
    try:
        with capturing(captured):
            facts.append(_make(call, tools, captured))
    except KeyboardInterrupt:
        raise
    except BaseException as raised:  # noqa: BLE001 - the user's code may call sys.exit, and polars may panic
        exception, error = raised, _describe(raised, call)
        if isinstance(raised, SchemaError):
            facts.append(_failed_check(call, raised))
    if not captured.is_empty:
        facts.insert(0, _output(call, captured))
    return Outcome(facts, error, exception)


def path_of(slot: Slot) -> str:
    """Return where the value of a slot belongs, without an extension."""
    if slot[1] is None:
        return slot[0]
    name = slot[1].translate(_UNSAFE)
    # Names that begin with a dot are those of files that are being written.
    return f"{slot[0]}/%2E{name[1:]}" if name.startswith(".") else f"{slot[0]}/{name}"


_UNSAFE = {ord(char): f"%{ord(char):02X}" for char in '%/\\?*"<>|\0'}


def load(kept: Kept, annotation: Any, tools: Tools, resources: Mapping[str, Any]) -> Any:
    """Return one recorded value.

    Raises NotFoundError where no value was kept or the IO manager that kept it is not there, and
    IntegrityError where its bytes are not the recorded ones.
    """
    if kept.io_manager is None and "io_manager" not in resources:
        raise NotFoundError(f"{slot_name(kept.slot)} has no value that could be loaded; nothing was kept")
    context = InputContext(
        asset_key=AssetKey.from_user_string(kept.slot[0]),
        partition_key=kept.slot[1],
        annotation=annotation,
        path=path_of(kept.slot),
        store=tools.store,
        uri=kept.uri,
        content_hash=kept.content_hash,
        recorded_metadata=kept.metadata,
    )
    try:
        return _manager(kept, tools, resources).load_input(context)
    except IntegrityError as error:
        # A store knows places, not assets; the cure is a command that needs the asset's name.
        words = kept.slot[0] if kept.slot[1] is None else f"{kept.slot[0]} --partition {kept.slot[1]}"
        raise IntegrityError(str(error).replace("ASSET", words)) from None


def _manager(kept: Kept, tools: Tools, resources: Mapping[str, Any]) -> IOManager:
    name = kept.io_manager or "resource:io_manager"
    if not name.startswith("resource:"):
        return tools.kinds.manager_named(name)
    found = resources.get(name.removeprefix("resource:"))
    if not isinstance(found, IOManager):
        raise NotFoundError(
            f"{slot_name(kept.slot)} was kept by the resource {name.removeprefix('resource:')!r}, "
            "which is no IO manager of these definitions"
        )
    return found


def _make(call: Call, tools: Tools, captured: Captured) -> AssetMaterialized:
    started_at = time.time()
    definition, run = call.definition, call.run
    context = _context(call, captured)
    arguments = dict(_arguments(call, tools, context))
    value = _unpack(definition.function(**arguments), context)
    kind, manager_name, stored = _keep(value, call, tools, context)
    config = run.configs.get(call.slot[0])
    digest = config.digest if config is not None else None
    version, is_user_provided = _version(call, digest, context.data_version, stored)
    return AssetMaterialized(
        run_id=run.run_id,
        at=time.time(),
        step=slot_name(call.slot),
        asset=call.slot[0],
        partition=call.slot[1],
        started_at=started_at,
        attempt=call.attempt,
        code_version=call.code_version,
        is_code_declared=call.is_code_declared,
        config=config.recorded if config is not None else None,
        config_digest=digest,
        default_config_digest=call.default_config_digest,
        data_version=version,
        is_user_provided=is_user_provided,
        content_hash=stored.content_hash if stored is not None else None,
        size=stored.size if stored is not None else None,
        uri=stored.uri if stored is not None else None,
        io_manager=manager_name,
        inputs=call.inputs,
        environment=_environment(definition.function, tools),
        definition={**facts_of(definition), "value": kind},
        metadata=_redacted(context.metadata, run.secrets),
        metrics=context.metrics,
    )


def _environment(function: Callable[..., Any], tools: Tools) -> Mapping[str, str]:
    found = tools.environments.get(function.__module__)
    if found is None:
        found = tools.environments[function.__module__] = environment(function)
    return found


def _context(call: Call, captured: Captured) -> AssetExecutionContext:
    spec = call.definition.spec
    return AssetExecutionContext(
        run_id=call.run.run_id,
        asset_key=spec.key,
        captured=captured,
        partition=call.slot[1],
        partitions_def=spec.partitions_def,
        attempt=call.attempt,
        job_name=call.run.job,
        run_tags=call.run.tags,
    )


def _arguments(call: Call, tools: Tools, context: AssetExecutionContext) -> Iterator[tuple[str, Any]]:
    signature, run = call.definition.signature, call.run
    if signature.context is not None:
        yield signature.context, context
    if signature.config is not None:
        yield "config", run.configs[call.slot[0]].value
    for name in signature.resources:
        yield name, run.resources[name]
    for argument in call.arguments:
        yield argument.name, _argument(argument, call, tools)


def _argument(argument: Argument, call: Call, tools: Tools) -> Any:
    is_partitioned = any(kept.slot[1] is not None for kept in argument.kept)
    part = tools.kinds.part(argument.annotation) if is_partitioned else argument.annotation
    parts = {kept.slot[1] or "": load(kept, part, tools, call.run.resources) for kept in argument.kept}
    value = tools.kinds.combine(parts, argument.annotation)
    if value is None and not argument.kept:
        return None
    where = f"asset {call.slot[0]!r}, argument {argument.name!r}: got"
    known = [kept.metadata for kept in argument.kept]
    return tools.kinds.accept(value, argument.annotation, where, known)


def _unpack(result: Any, context: AssetExecutionContext) -> Any:
    """Return the plain value after moving what came with it into the context."""
    if inspect.isgenerator(result):
        results = list(result)
        if len(results) != 1:
            raise TypeCheckError(
                f"asset {str(context.asset_key)!r} yielded {len(results)} results where one asset has one"
            )
        return _unpack(results[0], context)
    if not isinstance(result, Output | MaterializeResult):
        return result
    if result.metadata:
        context.add_output_metadata(result.metadata)
    if result.data_version is not None:
        context.set_data_version(result.data_version)
    return result.value


def _keep(
    value: Any, call: Call, tools: Tools, context: AssetExecutionContext
) -> tuple[str, str | None, StoredValue | None]:
    """Check and keep the value; return its kind, the name of its IO manager, and where it is."""
    annotation = call.definition.signature.returns
    if value is NO_VALUE or (annotation is None and value is None):
        return "nothing", None, None
    value = tools.kinds.accept(value, annotation, f"asset {call.slot[0]!r} returned")
    kind, manager = tools.kinds.manager_for(annotation, value)
    name = kind
    resource = call.definition.io_manager_key or "io_manager"
    if resource in call.run.resources:
        manager, name = call.run.resources[resource], f"resource:{resource}"
    output = OutputContext(
        asset_key=call.definition.key,
        partition_key=call.slot[1],
        run_id=call.run.run_id,
        step_key=slot_name(call.slot),
        annotation=annotation,
        path=path_of(call.slot),
        store=tools.store,
        definition_metadata=call.definition.spec.metadata,
        partitions_def=call.definition.spec.partitions_def,
    )
    stored = manager.handle_output(output, value)
    if output.output_metadata:
        context.metadata = {**plain(output.output_metadata), **context.metadata}
    return kind, name, stored


def _version(
    call: Call, config_digest: str | None, given: DataVersion | None, stored: StoredValue | None
) -> tuple[str, bool]:
    if given is not None:
        return given.value, True
    if call.definition.data_version is CONTENT and stored is not None:
        return stored.content_hash, False
    return data_version(*call.slot, call.code_version, config_digest, call.inputs), False


def _describe(error: BaseException, call: Call) -> dict[str, Any]:
    """Return the error for the log; of the user's own code the traceback starts at their function."""
    secrets = call.run.secrets
    about = {"type": type(error).__name__, "message": str(error), "traceback": "", "exit_code": 1}
    if isinstance(error, MlorchError):
        about["exit_code"] = error.exit_code
    elif isinstance(error, OSError) and error.errno in _NO_SPACE:
        name = slot_name(call.slot)
        about["message"] = f"{error}: no space is left to keep {name}; its version before is intact"
    else:
        about["traceback"] = _redact(_traceback(error, call.definition.function), secrets)
    return {**about, "message": _redact(str(about["message"]), secrets)}


_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _traceback(error: BaseException, function: Callable[..., Any]) -> str:
    """Return the traceback from the user's function on, or from the first code that is not mlorch's."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    frames = []
    found = error.__traceback__
    while found is not None:
        frames.append(found)
        found = found.tb_next
    own = [one for one in frames if one.tb_frame.f_code is code]
    others = [one for one in frames if not one.tb_frame.f_globals.get("__name__", "").startswith("mlorch.")]
    return traceback_text(error, next(iter((*own, *others, *frames)), None))


def _failed_check(call: Call, error: SchemaError) -> CheckEvaluated:
    return CheckEvaluated(
        run_id=call.run.run_id,
        at=time.time(),
        step=slot_name(call.slot),
        asset=call.slot[0],
        partition=call.slot[1],
        check="schema",
        passed=False,
        metadata=_redacted(error.report, call.run.secrets),
    )


def _output(call: Call, captured: Captured) -> OutputCaptured:
    secrets = call.run.secrets
    return OutputCaptured(
        run_id=call.run.run_id,
        at=time.time(),
        step=slot_name(call.slot),
        asset=call.slot[0],
        partition=call.slot[1],
        attempt=call.attempt,
        stdout=_redact(captured.text("stdout"), secrets),
        stderr=_redact(captured.text("stderr"), secrets),
        log=tuple((at, level, _redact(text, secrets)) for at, level, text in captured.log),
    )


def _redact(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _redacted(value: Any, secrets: Collection[str]) -> Any:
    if not secrets:
        return value
    if isinstance(value, str):
        return _redact(value, secrets)
    if isinstance(value, Mapping):
        return {name: _redacted(one, secrets) for name, one in value.items()}
    return [_redacted(one, secrets) for one in value] if isinstance(value, list) else value
