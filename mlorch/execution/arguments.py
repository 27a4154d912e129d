"""What a step's function is called with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from mlorch.definitions.asset_checks import AssetChecksDefinition
from mlorch.definitions.io import InputContext, OutputContext
from mlorch.definitions.keys import AssetKey
from mlorch.definitions.resources import RequiredResources
from mlorch.definitions.results import NO_VALUE
from mlorch.errors import IntegrityError, NotFoundError
from mlorch.execution.call import NO_ARGUMENT, Argument, Call, Kept, Tools, element_of
from mlorch.execution.context import OpExecutionContext
from mlorch.log import Slot, slot_name


def arguments_of(
    call: Call, tools: Tools, context: OpExecutionContext, resources: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Yield each parameter's name and value; upstream values are read when their turn comes."""
    signature, run = call.node.op.signature, call.run
    if signature.context is not None:
        yield signature.context, context
    if signature.config is not None:
        yield "config", run.configs[call.config_path].value
    for name in signature.resources:
        yield name, resources[name]
    for argument in call.arguments:
        if _is_read_by_own(argument):
            argument = replace(argument, log=context.log)
        yield argument.name, _value(argument, call, tools, resources)


def path_of(slot: Slot) -> str:
    """Return where the value of a slot belongs, without an extension."""
    if slot[1] is None:
        return slot[0]
    name = slot[1].translate(_UNSAFE)
    # Names that begin with a dot are those of files that are being written.
    return f"{slot[0]}/%2E{name[1:]}" if name.startswith(".") else f"{slot[0]}/{name}"


_UNSAFE = {ord(char): f"%{ord(char):02X}" for char in '%/\\?*"<>|\0'}


def load(
    kept: Kept,
    annotation: Any,
    tools: Tools,
    resources: Mapping[str, Any],
    argument: Argument = NO_ARGUMENT,
) -> Any:
    """Return one recorded value, as `argument` asks for it.

    Raises NotFoundError where no value was kept or the IO manager that kept it is not there, and
    IntegrityError where its bytes are not the recorded ones.
    """
    manager = argument.input_manager_key or kept.io_manager
    if manager is None and (kept.is_passed or "io_manager" not in resources):
        raise NotFoundError(f"{slot_name(kept.slot)} has no value that could be loaded; nothing was kept")
    context = _input_context(kept, annotation, tools, resources, argument)
    try:
        return _reader(manager or "resource:io_manager", kept, tools, resources).load_input(context)
    except IntegrityError as error:
        # A store knows places, not assets; the cure is a command that needs the asset's name.
        words = kept.slot[0] if kept.slot[1] is None else f"{kept.slot[0]} --partition {kept.slot[1]}"
        raise IntegrityError(str(error).replace("ASSET", words)) from None


def _input_context(
    kept: Kept, annotation: Any, tools: Tools, resources: Mapping[str, Any], argument: Argument
) -> InputContext:
    store = tools.outputs if kept.is_passed and tools.outputs is not None else tools.store
    key = None if kept.is_passed else AssetKey.from_user_string(kept.slot[0])
    about: dict[str, Any] = {
        "annotation": annotation,
        "path": path_of(kept.slot),
        "store": store,
        "partitions_def": argument.partitions_def,
        "resources": RequiredResources(resources, frozenset(resources), "an IO manager"),
        "log": argument.log,
    }
    upstream = None
    if kept.run_id or not kept.is_passed:
        upstream = OutputContext(
            key,
            kept.slot[1],
            run_id=kept.run_id,
            step_key=kept.step,
            name=kept.output,
            mapping_key=kept.mapping_key,
            definition_metadata=argument.upstream_metadata,
            **about,
        )
    return InputContext(
        key,
        kept.slot[1],
        uri=kept.uri,
        content_hash=kept.content_hash,
        metadata=argument.metadata,
        recorded_metadata=kept.metadata,
        name=argument.name or None,
        upstream_output=upstream,
        **about,
    )


def _value(argument: Argument, call: Call, tools: Tools, resources: Mapping[str, Any]) -> Any:
    if argument.given is not NO_VALUE:
        return argument.given
    if argument.parts is not None:
        return [_value(part, call, tools, resources) for part in argument.parts]
    if argument.is_list:
        element = element_of(argument.annotation)
        return [load(kept, element, tools, resources, argument) for kept in argument.kept]
    if len(argument.kept) == 1 and argument.kept[0].slot[1] is None and not _may_miss(argument):
        value = load(argument.kept[0], argument.annotation, tools, resources, argument)
    else:
        is_partitioned = any(kept.slot[1] is not None for kept in argument.kept)
        part = tools.kinds.part(argument.annotation) if is_partitioned else argument.annotation
        parts = dict(_parts(argument, part, tools, resources))
        value = tools.kinds.combine(parts, argument.annotation)
        if value is None and not parts:
            return None
    where = f"{owner_name(call)}, argument {argument.name!r}: got"
    known = [kept.metadata for kept in argument.kept]
    return tools.kinds.accept(value, argument.annotation, where, known)


def _is_read_by_own(argument: Argument) -> bool:
    """Tell whether an IO manager of one's own reads it, which may have something to say."""
    name = argument.input_manager_key or (argument.kept[0].io_manager if argument.kept else None)
    return name is not None and name.startswith("resource:")


def _parts(
    argument: Argument, part: Any, tools: Tools, resources: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    for kept in argument.kept:
        try:
            yield kept.slot[1] or "", load(kept, part, tools, resources, argument)
        except (NotFoundError, FileNotFoundError):
            if not _may_miss(argument):
                raise


def _may_miss(argument: Argument) -> bool:
    return bool(argument.metadata and argument.metadata.get("allow_missing_partitions"))


def owner_name(call: Call) -> str:
    """Return what messages call the step's function: "asset 'x'" or "op 'y'"."""
    if isinstance(call.owner, AssetChecksDefinition):
        return f"check {call.step!r}"
    return f"asset {call.asset!r}" if call.asset and not call.path else f"op {call.step!r}"


def _reader(name: str, kept: Kept, tools: Tools, resources: Mapping[str, Any]) -> Any:
    """Return what reads a value: the IO manager that kept it, or the one that the consumer names."""
    if not name.startswith("resource:"):
        return tools.kinds.manager_named(name)
    found = resources.get(name.removeprefix("resource:"))
    if not callable(getattr(found, "load_input", None)):
        raise NotFoundError(
            f"{slot_name(kept.slot)} is read by the resource {name.removeprefix('resource:')!r}, "
            "which is no IO manager of these definitions"
        )
    return found
