"""A run with its retries, and what they came to together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from mlorch.definitions.tags import PARENT, RESUMES, RETRY_NUMBER, ROOT, tag_of
from mlorch.errors import UserError
from mlorch.events import AssetMaterialized, AssetObserved, Event, StepFailed, StepSkipped, StepSucceeded
from mlorch.instance import Instance
from mlorch.log import Slot
from mlorch.queries.runs import RecordedRun, RunStatus, find_runs


@dataclass(frozen=True)
class Group:
    """All runs that retry one, with it, newest first."""

    run: RecordedRun
    """The one that is asked about."""
    runs: tuple[RecordedRun, ...]
    instance: Instance

    @property
    def root_id(self) -> str:
        return root_of(self.run)

    @cached_property
    def attempts(self) -> tuple[RecordedRun, ...]:
        """The runs that made one thing together, each going on where others failed, newest first."""
        found: list[RecordedRun] = []
        for one in self.runs:
            found.append(one)
            if not _resumes(one):
                if self.run in found:
                    return tuple(found)
                found.clear()
        return (self.run,)

    @property
    def first(self) -> RecordedRun:
        """The attempt that was to make all of it."""
        return self.attempts[-1]

    @cached_property
    def facts(self) -> tuple[Event, ...]:
        """The facts of all attempts, newest first."""
        kinds = {
            one.kind for one in (AssetMaterialized, AssetObserved, StepFailed, StepSkipped, StepSucceeded)
        }
        return tuple(
            record.event
            for one in self.attempts
            for record in self.instance.log.read(kinds=kinds, run_id=one.run_id, newest_first=True)
        )

    @cached_property
    def verdicts(self) -> Mapping[Slot, str]:
        """What the last attempt that came to it did with each asset partition: "done" or "failed"."""
        found: dict[Slot, str] = {}
        for event in self.facts:
            if isinstance(event, StepFailed):
                found.update((slot, "failed") for slot in event.failed if slot not in found)
            elif isinstance(event, AssetMaterialized | AssetObserved) or (
                isinstance(event, StepSkipped) and not event.is_blocked
            ):
                found.setdefault((event.asset, event.partition), "done")
        return found

    @cached_property
    def succeeded(self) -> Mapping[str, StepSucceeded]:
        """By step, the ops that are done."""
        found: dict[str, StepSucceeded | None] = {}
        for event in self.facts:
            if isinstance(event, StepSucceeded):
                found.setdefault(event.step, event)
            elif isinstance(event, StepFailed):
                found.setdefault(event.step, None)
        return {name: event for name, event in found.items() if event is not None}

    def refuse_needless(self, *, from_failure: bool) -> None:
        """Raise UserError where one of them still goes, or where nothing is left to be made."""
        for one in self.runs:
            if one.status is RunStatus.STARTED:
                again = "" if one is self.run else f"is being retried by run {one.run_id}, which "
                raise UserError(
                    f"run {self.run.run_id} {again}still goes; wait for it, or end it with: "
                    f"mlorch runs cancel {one.run_id[:8]}"
                )
        done = next((one for one in self.attempts if one.is_success), None)
        if from_failure and done is not None:
            what = "succeeded" if done is self.run else f"was retried by run {done.run_id}, which succeeded"
            raise UserError(
                f"run {self.run.run_id} {what}: nothing is left to make; --from-start makes all of it again"
            )

    def tags(self, *, from_failure: bool) -> dict[str, str]:
        """Return the tags of the next retry."""
        kept = {name: value for name, value in self.run.tags.items() if not _is_of_group(name)}
        return {
            **kept,
            PARENT: self.run.run_id,
            ROOT: self.root_id,
            RETRY_NUMBER: str(len(self.runs)),
            RESUMES: str(from_failure).lower(),
        }


def group_of(instance: Instance, run: RecordedRun) -> Group:
    """Return a run with all that retry the same one."""
    root = root_of(run)
    known = find_runs(instance.log, instance.living())
    runs = tuple(run if one.run_id == run.run_id else one for one in known if root_of(one) == root)
    return Group(run, runs, instance)


def retries_of(instance: Instance, run: RecordedRun) -> Iterator[RecordedRun]:
    """Yield the runs that retry this very run, oldest first."""
    for one in reversed(find_runs(instance.log, instance.living())):
        if tag_of(one.tags, PARENT) == run.run_id:
            yield one


def root_of(run: RecordedRun) -> str:
    """Return the id of the first run of a run's group."""
    return tag_of(run.tags, ROOT) or run.run_id


def _resumes(run: RecordedRun) -> bool:
    return tag_of(run.tags, RESUMES) == "true"


def _is_of_group(name: str) -> bool:
    return name.replace("dagster/", "mlorch/", 1) in (PARENT, ROOT, RETRY_NUMBER, RESUMES)
