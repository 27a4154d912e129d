"""From what a schedule or sensor asked for to runs that can be queued, all of it checked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from mlorch.app.configuring import check_kept_config
from mlorch.definitions.config import RunConfig
from mlorch.definitions.definitions import Definitions
from mlorch.definitions.dynamic import AddDynamicPartitionsRequest, DeleteDynamicPartitionsRequest
from mlorch.definitions.jobs import AssetJob, JobDefinition
from mlorch.definitions.keys import key_text
from mlorch.definitions.partitions import PartitionsDefinition, check_partition_key
from mlorch.definitions.requests import RunRequest, written_config
from mlorch.definitions.schedules import ScheduleDefinition
from mlorch.definitions.tags import tag_of
from mlorch.definitions.targets import Job, Target
from mlorch.errors import TypeCheckError, UnknownPartitionError, UserError, nearest
from mlorch.events import Event, PartitionsAdded, PartitionsDeleted
from mlorch.execution.reports import reported
from mlorch.instance import Instance
from mlorch.planning.check_selection import select_checks
from mlorch.planning.dynamic import dynamic_keys
from mlorch.planning.selection import select
from mlorch.planning.ticks import RunAsked

if TYPE_CHECKING:
    from mlorch.definitions.sensors import SensorDefinition
    from mlorch.definitions.ticks import Evaluation

RUN_KEY = "mlorch/run_key"
PARTITION = "mlorch/partition"
RANGE = ("mlorch/asset_partition_range_start", "mlorch/asset_partition_range_end")


class Asking:
    """One tick's requests on their way to the queue."""

    def __init__(
        self,
        definitions: Definitions,
        instance: Instance,
        one: ScheduleDefinition | SensorDefinition,
        now: datetime,
    ) -> None:
        self._definitions = definitions
        self._instance = instance
        self._one = one
        self._now = now
        self._changes: Sequence[Any] = ()

    def outcome(self, found: Evaluation) -> dict[str, Any]:
        """Return status, reason, cursor, runs and facts, as a TickOutcome has them.

        Raises UserErrors for a job, an asset or a partition that there is not, and for a wrong run config.
        """
        self._changes = found.dynamic_partitions_requests
        for one in self._changes:
            if not isinstance(one, AddDynamicPartitionsRequest | DeleteDynamicPartitionsRequest):
                raise TypeCheckError(
                    f"{self._one}: dynamic_partitions_requests has {one!r}; "
                    "give what build_add_request(…) or build_delete_request(…) returns"
                )
        runs: dict[Any, RunAsked] = {}
        for number, request in enumerate(found.run_requests):
            if not isinstance(request, RunRequest):
                raise TypeCheckError(f"{self._one} gave {request!r} for a run; give a RunRequest")
            # A key that a tick asks for twice means one run.
            runs.setdefault(number if request.run_key is None else request.run_key, self._asked_run(request))
        return {
            "status": "SUCCESS" if runs else "SKIPPED",
            "reason": "" if runs else found.skip_message or "",
            "cursor": found.cursor,
            "runs": tuple(runs.values()),
            "facts": tuple(self._facts(found)),
        }

    def _asked_run(self, request: RunRequest) -> RunAsked:
        name, job = self._job_of(request)
        tags = {**(job.tags if job is not None else {}), **self._one.tags, **(request.tags or {})}
        tags[f"mlorch/{self._one.kind}"] = self._one.name
        if request.run_key is not None:
            tags[RUN_KEY] = request.run_key
        if request.partition_key is not None:
            tags[PARTITION] = request.partition_key
        if request.run_config:
            check_kept_config(self._definitions, job, request.run_config)  # type: ignore[arg-type]
        span = _span(tags)
        keys = self._selection(request, job)
        self._check_partition(request, job, keys, span)
        # A backfill is of assets: what the job says of them, it is told.
        is_told = job is None or request.asset_selection is not None or span is not None
        config = request.run_config or (_config_of(job) if span is not None else {})
        return RunAsked(
            run_key=request.run_key,
            job=name,
            selection=keys if is_told else (),
            partition=request.partition_key,
            partitions=("...".join(span),) if span is not None else (),
            checks=self._checks(request, job, keys),
            only="stale" if request.stale_assets_only else "",
            tags=tags,
            config=config,  # type: ignore[arg-type]
            is_backfill=span is not None,
        )

    def _job_of(self, request: RunRequest) -> tuple[str | None, Job | None]:
        names, name = self._one.target.names, request.job_name
        if name is None and len(names) > 1:
            raise UserError(
                f"{self._one} may run several jobs; say which one: RunRequest(job_name={names[0]!r}, …)"
            )
        if name is not None and name not in names:
            may = f"it may run {', '.join(map(repr, names))}" if names else "it has no job"
            raise UserError(f"{self._one} asks for the job {name!r}, but {may}{nearest(name, names)}")
        if names:
            return name or names[0], self._definitions.job(name or names[0])
        if self._one.target.selection is None:
            raise UserError(
                f"{self._one} asks for a run and is not told what it may run; "
                "declare it with job=…, jobs=… or target=…"
            )
        return None, None

    def _selection(self, request: RunRequest, job: Job | None) -> tuple[str, ...]:
        """Return the keys of what is to be made, in the order of the graph; none for a job of ops."""
        if isinstance(job, JobDefinition):
            if request.asset_selection is not None:
                raise UserError(f"{self._one}: {job!r} makes no assets; leave asset_selection out")
            return ()
        scopes = _scopes(self._definitions)
        every = scopes.keys(job) if job is not None else scopes.keys(self._one.target)
        if request.asset_selection is None:
            return every
        chosen = {key_text(one) for one in request.asset_selection}
        for key in sorted(chosen.difference(every)):
            raise UserError(
                f"{self._one} asks for the asset {key!r}, which is not among those that it may run"
                f"{nearest(key, every)}"
            )
        return tuple(key for key in every if key in chosen)

    def _checks(self, request: RunRequest, job: Job | None, keys: tuple[str, ...]) -> tuple[str, ...]:
        """Return the checks that are asked for by themselves: to name nothing would mean everything."""
        graph = self._definitions.graph
        found = tuple(request.asset_check_keys or ())
        if not found and not keys and not isinstance(job, JobDefinition):
            if job is None and request.asset_selection is None:
                found = select_checks(self._one.target.selection, graph)
            if not found and (job is None or request.asset_selection is not None):
                raise UserError(f"{self._one} asks for a run of no asset; leave the RunRequest out")
        for one in found:
            if one not in graph.checks:
                known = [key.to_user_string() for key in graph.checks]
                text = one.to_user_string()
                raise UserError(
                    f"{self._one} asks for the check {text!r}, which nothing evaluates{nearest(text, known)}"
                )
        return tuple(one.to_user_string() for one in found)

    def _check_partition(
        self, request: RunRequest, job: Job | None, keys: tuple[str, ...], span: tuple[str, str] | None
    ) -> None:
        """Raise UserError unless the partition is there, or where one has to be named or must not be."""
        divided = _scopes(self._definitions).divided(job, keys)
        named = [one for one in (request.partition_key, *(span or ())) if one is not None]
        if named and divided:
            for definition in divided:
                for key in named:
                    self._validate(definition, key)
        elif named and not isinstance(job, JobDefinition):
            raise UserError(
                f"{self._one} names the partition {named[0]!r}, but nothing that it runs has partitions; "
                "leave partition_key out"
            )
        elif divided and not named and not request.stale_assets_only:
            raise UserError(
                f"{self._one} runs what has partitions, {divided[0]!r}; "
                "say which: RunRequest(partition_key=…)"
            )

    def _validate(self, definition: PartitionsDefinition, key: str) -> None:
        if definition.dynamic_names:
            definition = definition.with_dynamic_keys(self._dynamic)
        try:
            definition.validate_partition_key(key, self._now)
        except UnknownPartitionError as error:
            raise UnknownPartitionError(f"{self._one}: {error}") from None

    @cached_property
    def _dynamic(self) -> Mapping[str, Sequence[str]]:
        """The keys of dynamic partitions by their sets, as they are after the changes asked for."""
        found = {name: dict.fromkeys(keys) for name, keys in dynamic_keys(self._instance.log).items()}
        for one in self._changes:
            known = found.setdefault(one.partitions_def_name, {})
            if isinstance(one, AddDynamicPartitionsRequest):
                known.update(dict.fromkeys(one.partition_keys))
            else:
                for key in one.partition_keys:
                    known.pop(key, None)
        return {name: tuple(keys) for name, keys in found.items()}

    def _facts(self, found: Evaluation) -> Iterator[Event]:
        at = self._now.timestamp()
        for one in found.dynamic_partitions_requests:
            name, keys = one.partitions_def_name, tuple(one.partition_keys)
            if isinstance(one, AddDynamicPartitionsRequest):
                for key in keys:
                    check_partition_key(key)
                yield PartitionsAdded(at=at, name=name, keys=keys)
            else:
                yield PartitionsDeleted(at=at, name=name, keys=keys)
        yield from (reported(one, os.urandom(16).hex(), at) for one in found.asset_events)
        yield from found.facts


class _Scopes:
    """What the jobs and targets of definitions make, worked out when it is first asked for."""

    def __init__(self, definitions: Definitions) -> None:
        self._graph = definitions.graph
        self._keys: dict[int, tuple[Any, tuple[str, ...]]] = {}
        self._divided: dict[tuple[int, tuple[str, ...]], tuple[PartitionsDefinition, ...]] = {}

    def keys(self, one: AssetJob | Target) -> tuple[str, ...]:
        """Return the keys of a selection, in the order of the graph. Raises InvalidSelectionError."""
        if id(one) not in self._keys:
            self._keys[id(one)] = one, select(one.selection, self._graph)
        return self._keys[id(one)][1]

    def divided(self, job: Job | None, keys: tuple[str, ...]) -> tuple[PartitionsDefinition, ...]:
        """Return the partitions that a run of the keys, or of a job of ops, is one of."""
        place = id(job), keys
        if place not in self._divided:
            found = [self._graph.divided[key] for key in keys if key in self._graph.divided]
            if not found and job is not None and job.partitions_def is not None:
                found = [job.partitions_def]
            self._divided[place] = tuple(dict.fromkeys(found))
        return self._divided[place]


# Definitions stay as they are once made, and a process looks at hardly more than one of them.
_scopes = lru_cache(maxsize=4)(_Scopes)


def _config_of(job: Job | None) -> dict[str, Any]:
    """Return the run config of a job that is the same for all partitions."""
    config = job.config if job is not None else None
    return written_config(config) if isinstance(config, RunConfig | Mapping) else {}


def _span(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the first and the last partition of a range, which tags name."""
    first, last = (tag_of(tags, name) for name in RANGE)
    return (first, last) if first is not None and last is not None else None
