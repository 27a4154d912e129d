"""The verbs about runs: list them, find one, read what it said."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlorch.app.groups import retries_of, root_of
from mlorch.definitions.tags import PARENT, tag_of
from mlorch.errors import NotFoundError, UserError
from mlorch.events import AssetMaterialized, OutputCaptured, StepFailed, StepStarted
from mlorch.instance import Instance
from mlorch.log import Record
from mlorch.queries.runs import RecordedRun, find_runs


@dataclass(frozen=True)
class RunView(RecordedRun):
    """One run as people look at it."""

    instance: Instance

    @property
    def duration_text(self) -> str:
        if not self.has_begun:
            return "-"
        if self.finished is None:
            return f"{time.time() - self.started.at:.1f} s so far" if self.is_alive else "-"
        return f"{self.finished.at - self.started.at:.1f} s"

    @property
    def counts_text(self) -> str:
        if self.finished is None:
            return f"{self.started.steps} planned" if self.has_begun else "waits"
        return ", ".join(f"{count} {name}" for name, count in self.finished.counts.items() if count)

    @cached_property
    def records(self) -> list[Record]:
        """Every fact of the run, in order."""
        return self.instance.log.read(run_id=self.run_id)

    @property
    def outputs(self) -> list[OutputCaptured]:
        return [one.event for one in self.records if isinstance(one.event, OutputCaptured)]

    @property
    def failures(self) -> list[StepFailed]:
        return [one.event for one in self.records if isinstance(one.event, StepFailed)]

    @property
    def steps(self) -> list[str]:
        """The steps that were tried, in order."""
        return list(
            dict.fromkeys(one.event.step for one in self.records if isinstance(one.event, StepStarted))
        )

    @property
    def parent_id(self) -> str | None:
        """The run that this one retries."""
        return tag_of(self.tags, PARENT)

    @cached_property
    def retries(self) -> list[RecordedRun]:
        """The runs that retry this one, oldest first."""
        return list(retries_of(self.instance, self))

    def about(self) -> dict[str, str]:
        """Return what people ask of a run, as text; nothing that is empty."""
        git = self.started.git
        found = {
            "job": self.job_name,
            "retry of": self.parent_id and f"{self.parent_id[:8]}, the first {root_of(self)[:8]}",
            "retried by": ", ".join(f"{one.run_id[:8]} ({one.status})" for one in self.retries),
            "ended by": self.finished.reason if self.finished is not None else "",
            "partitions": ", ".join(self.started.partitions),
            "tags": ", ".join(f"{name}={value}" for name, value in self.tags.items()),
            "command": self.started.source.get("command"),
            "git": f"{git['commit'][:12]}{' and local changes' if git['dirty'] else ''}" if git else "",
        }
        return {name: value for name, value in found.items() if value}

    def as_json(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "status": self.status,
            "job": self.job_name,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "steps": self.started.steps,
            "counts": dict(self.finished.counts) if self.finished else None,
            "partitions": list(self.started.partitions),
            "tags": dict(self.tags),
            "parent_run_id": self.parent_id,
            "root_run_id": root_of(self),
            "reason": self.finished.reason if self.finished is not None else "",
            "made": [one.event.step for one in self.records if isinstance(one.event, AssetMaterialized)],
        }


def newest_runs(instance: Instance, limit: int) -> list[RunView]:
    """Return the newest runs, newest first."""
    found = find_runs(instance.log, instance.living(), limit=limit)
    return [_view(one, instance) for one in found]


def _view(run: RecordedRun, instance: Instance) -> RunView:
    return RunView(
        run.started, run.finished, run.is_alive, instance, queued=run.queued, has_begun=run.has_begun
    )


def find_run(instance: Instance, name: str) -> RunView:
    """Return the run whose id begins with `name`; "last" is the newest.

    Raises NotFoundError where there is none, UserError where there are several.
    """
    known = newest_runs(instance, 1 if name == "last" else 100_000)
    found = known if name == "last" else [one for one in known if one.run_id.startswith(name)]
    if not found:
        raise NotFoundError(f"there is no run {name!r}; 'mlorch runs list' lists them")
    if len(found) > 1:
        raise UserError(f"{len(found)} runs begin with {name!r}; give more of the id")
    return found[0]
