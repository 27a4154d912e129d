"""Keeping what a step gave, and the facts about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlorch.definitions.io import OutputContext, StoredValue
from mlorch.definitions.ops import Nothing, Out
from mlorch.definitions.resources import RequiredResources
from mlorch.definitions.results import NO_VALUE
from mlorch.definitions.signature import EMPTY
from mlorch.definitions.specs import CONTENT, AssetSpec
from mlorch.errors import SchemaError, TypeCheckError
from mlorch.events import AssetMaterialized, CheckEvaluated, Input
from mlorch.execution.arguments import owner_name, path_of
from mlorch.execution.call import Call, Kept, Target, Tools, kept_of
from mlorch.execution.checking import schema_checked
from mlorch.execution.context import OpExecutionContext
from mlorch.execution.metadata import plain, redacted
from mlorch.execution.results import Produced
from mlorch.execution.run import facts_of
from mlorch.log import Slot, slot_name
from mlorch.planning.fingerprint import environment
from mlorch.planning.versions import data_version, owner_digest


class Keeper:
    """Keeps the outputs of one attempt, each as it comes."""

    def __init__(
        self, call: Call, tools: Tools, context: OpExecutionContext, resources: Mapping[str, Any]
    ) -> None:
        self._call = call
        self._tools = tools
        self._context = context
        self._resources = resources
        self._started_at = time.time()
        self.made: dict[Slot, str] = {}
        """The data versions of what was made."""
        self._config: tuple[Any, str | None] | None = None
        self._readers = _among(call.targets)
        self.materializations: list[AssetMaterialized] = []
        self.passed: list[Kept] = []
        self.outputs: set[str] = set()
        self.schemas: list[CheckEvaluated] = []
        """What came of holding values to their schemas."""
        self.values: dict[str, Any] = {}
        """What was given by output, where hooks ask for it."""

    def keep(self, produced: Produced) -> None:
        """Check and keep one output: as the asset partitions that it gives, or for the ops after it."""
        call = self._call
        self.outputs.add(produced.output)
        if call.hooks:
            self._remember(produced)
        targets = [one for one in call.targets if self._place(one) == (call.path, produced.output)]
        if not targets:
            self._pass_on(produced)
            return
        for target, value in self._parts(targets, produced.value):
            one = produced if value is produced.value else replace(produced, value=value)
            made = self._materialized(target, one)
            self.materializations.append(made)
            if call.path:
                self.passed.append(kept_of(made))

    def _remember(self, produced: Produced) -> None:
        value = None if produced.value is NO_VALUE else produced.value
        if produced.mapping_key is None:
            self.values[produced.output] = value
        else:
            self.values.setdefault(produced.output, {})[produced.mapping_key] = value

    def _place(self, target: Target) -> tuple[str, str]:
        place: tuple[str, str] = self._call.maker.output_places[target.output]
        return place

    def _parts(self, targets: list[Target], value: Any) -> Iterator[tuple[Target, Any]]:
        """Divide the value of several partitions, which the function returns by partition key."""
        partitions = self._call.partitions
        if len(targets) == 1 and not (self._may_be_several() and is_by_partition(value, partitions)):
            yield targets[0], value
            return
        if value is NO_VALUE or value is None:
            yield from ((target, value) for target in targets)
            return
        if not is_by_partition(value, partitions):
            raise TypeCheckError(
                f"{owner_name(self._call)} made {len(partitions)} partitions at once and returned "
                f"{_described(value, partitions)}; it has to return a value for each, as {{partition key: "
                f"value}} with the keys of context.partition_keys: {partitions[0]!r} to {partitions[-1]!r}"
            )
        for target in targets:
            yield target, value[target.slot[1]]

    def _materialized(self, target: Target, produced: Produced) -> AssetMaterialized:
        call, run = self._call, self._call.run
        spec = call.maker.specs[target.output]
        out = call.node.op.outs[produced.output]
        context = self._output_context(produced, out, target, spec)
        try:
            kind, manager, stored, metadata = self._store(produced, out, context)
        except SchemaError as error:
            self.schemas.append(schema_checked(call, target.slot, error.report))
            raise
        config, digest = self._settled()
        inputs = self._inputs(target)
        version, is_user_provided = self._version(target, produced, inputs, digest, stored)
        self.made[target.slot] = version
        report = self._tools.kinds.passed(produced.value, context.annotation)
        if report is not None:
            self.schemas.append(schema_checked(call, target.slot, report, version))
        return AssetMaterialized(
            run_id=run.run_id,
            at=time.time(),
            step=call.step,
            asset=target.slot[0],
            partition=target.slot[1],
            started_at=self._started_at,
            attempt=call.attempt,
            code_version=target.code_version,
            is_code_declared=target.is_code_declared,
            config=config,
            config_digest=digest,
            default_config_digest=target.default_config_digest,
            data_version=version,
            is_user_provided=is_user_provided,
            **_where(stored),
            io_manager=manager,
            inputs=inputs,
            environment=_environment(call.node.op.function, self._tools),
            definition=self._defined(spec, produced.output, kind),
            metadata=redacted({**metadata, **self._said(produced, target)}, run.secrets),
            metrics=self._context.metrics,
        )

    def _defined(self, spec: AssetSpec, output: str, kind: str) -> dict[str, Any]:
        maker = self._call.maker
        dependencies = dict.fromkeys(one.key for one in maker.dependencies_of(spec.name))
        found = {**facts_of(spec, maker, dependencies), "value": kind}
        if output != "result":
            found["output"] = output
        return found

    def _output_context(self, produced: Produced, out: Out, target: Target, spec: AssetSpec) -> OutputContext:
        return OutputContext(
            spec.key,
            target.slot[1],
            path=path_of(target.slot),
            store=self._tools.store,
            definition_metadata=spec.metadata,
            partitions_def=spec.partitions_def,
            **self._about(produced, self._part(out, target)),
        )

    def _pass_on(self, produced: Produced) -> None:
        call = self._call
        out = call.node.op.outs[produced.output]
        step = f"{call.run.run_id}/{call.step}/{produced.output}"
        slot = (step.translate(_UNSAFE_STEP), None)
        if produced.mapping_key is not None:
            slot = (f"{slot[0]}/{produced.mapping_key}", None)
        _, manager, stored, metadata = self._store(
            produced,
            out,
            OutputContext(
                None,
                None,
                path=slot[0],
                store=self._tools.outputs or self._tools.store,
                definition_metadata=out.metadata,
                **self._about(produced, out.dagster_type),
            ),
        )
        self.passed.append(
            Kept(
                slot,
                stored.uri if stored is not None else None,
                stored.content_hash if stored is not None else None,
                manager,
                redacted({**metadata, **self._said(produced, None)}, call.run.secrets),
                call.run.run_id,
                call.step,
                produced.output,
                True,
                produced.mapping_key,
            )
        )

    def _about(self, produced: Produced, annotation: Any) -> dict[str, Any]:
        return {
            "run_id": self._call.run.run_id,
            "step_key": self._call.step,
            "annotation": annotation,
            "name": produced.output,
            "mapping_key": produced.mapping_key,
            "resources": RequiredResources(self._resources, frozenset(self._resources), "an IO manager"),
        }

    def _part(self, out: Out, target: Target) -> Any:
        """Return the type of one partition where the function may return several by key."""
        is_several = target.slot[1] is not None and self._may_be_several()
        return self._tools.kinds.part(out.dagster_type) if is_several else out.dagster_type

    def _may_be_several(self) -> bool:
        """Tell whether the function may be asked for several partitions at once."""
        policy = self._call.maker.backfill_policy
        return policy is not None and policy.max_partitions_per_run != 1

    def _store(
        self, produced: Produced, out: Out, output: OutputContext
    ) -> tuple[str, str | None, StoredValue | None, dict[str, Any]]:
        """Return the kind of the value, the name of its IO manager, where it is, and what is known of it."""
        value, annotation = produced.value, output.annotation
        if annotation is None and produced.is_result:
            annotation = EMPTY
        if value is NO_VALUE or annotation is Nothing or (annotation is None and value is None):
            return "nothing", None, None, {}
        kinds, resources = self._tools.kinds, self._resources
        value = kinds.accept(value, annotation, f"{owner_name(self._call)} returned")
        kind, manager = kinds.manager_for(annotation, value)
        name = kind
        resource = out.io_manager_key or "io_manager"
        if resource in resources:
            manager, name = resources[resource], f"resource:{resource}"
            output.log = self._context.log
        stored = manager.handle_output(output, value)
        return kind, name, stored, plain(output.output_metadata) if output.output_metadata else {}

    def _said(self, produced: Produced, target: Target | None) -> dict[str, Any]:
        """Return the metadata that the function gave with this output, the most particular last."""
        known = self._context.metadata
        found: dict[str, Any] = {}
        if known:
            places = [(None, None), (produced.output, produced.mapping_key)]
            if target is not None:
                places += [(f"asset:{target.slot[0]}", None), (f"asset:{target.slot[0]}", target.slot[1])]
            for place in places:
                found.update(known.get(place, {}))
        return {**found, **plain(produced.metadata)} if produced.metadata else found

    def _settled(self) -> tuple[Any, str | None]:
        """Return the config of the whole asset, as recorded, and its digest."""
        if self._config is None:
            call = self._call
            configs = {
                path: call.run.configs[(*call.section, *path.split(".")) if path else call.section]
                for path, node in call.owner.op_nodes.items()
                if node.op.config is not None
            }
            recorded: Any = {path: one.recorded for path, one in configs.items()}
            if "" in configs:
                recorded = configs[""].recorded
            digest = owner_digest({path: one.digest for path, one in configs.items()})
            self._config = recorded if configs else None, digest
        return self._config

    def _inputs(self, target: Target) -> tuple[Input, ...]:
        """Return what the partition was made from; of what the same call made, the version of now.

        Raises TypeCheckError where what was made from it came before it.
        """
        for reader in self._readers.get(target.slot, ()):
            if reader in self.made:
                raise TypeCheckError(
                    f"{owner_name(self._call)} gave {slot_name(reader)} before {slot_name(target.slot)}, on "
                    "which it depends; yield them in the order of their dependencies"
                )
        if not self.made:
            return target.inputs
        return tuple(
            one._replace(data_version=self.made[one[:2]], seq=None) if one[:2] in self.made else one
            for one in target.inputs
        )

    def _version(
        self,
        target: Target,
        produced: Produced,
        inputs: tuple[Input, ...],
        digest: str | None,
        stored: StoredValue | None,
    ) -> tuple[str, bool]:
        given = self._context.data_versions
        version = produced.data_version or given.get(target.slot[0]) or given.get(None)
        if version is not None:
            return version.value, True
        if self._call.maker.data_version is CONTENT and stored is not None:
            return stored.content_hash, False
        return data_version(*target.slot, target.code_version, digest, inputs), False


_UNSAFE_STEP = {ord(char): f"%{ord(char):02X}" for char in '%\\?*"<>|\0[]'}


def _among(targets: Sequence[Target]) -> dict[Slot, list[Slot]]:
    """Return for each of the targets those others that are made from it."""
    if len(targets) < 2:
        return {}
    slots = {one.slot for one in targets}
    found: dict[Slot, list[Slot]] = {}
    for target in targets:
        for one in target.inputs:
            if one[:2] in slots:
                found.setdefault(one[:2], []).append(target.slot)
    return found


def is_by_partition(value: Any, partitions: Collection[str]) -> bool:
    """Tell whether a value is a mapping with exactly these partitions as keys."""
    return isinstance(value, Mapping) and value.keys() == set(partitions)


def _where(stored: StoredValue | None) -> dict[str, Any]:
    """Return what a materialization says of the bytes that were kept."""
    if stored is None:
        return {}
    return {"content_hash": stored.content_hash, "size": stored.size, "uri": stored.uri}


def _described(value: Any, partitions: Collection[str]) -> str:
    """Return what was returned in place of a value for each partition."""
    if not isinstance(value, Mapping):
        return type(value).__name__
    lacking = [key for key in partitions if key not in value]
    other = [key for key in value if key not in set(partitions)]
    parts = [f"lacks {lacking[0]!r}"] if lacking else []
    parts += [f"{other[0]!r} is none of them"] if other else []
    return f"a mapping that is not one of these partitions ({', '.join(parts)})"


def _environment(function: Callable[..., Any], tools: Tools) -> Mapping[str, str]:
    found = tools.environments.get(function.__module__)
    if found is None:
        found = tools.environments[function.__module__] = environment(function)
    return found
