"""What is shown while a run goes: a live bar on a terminal, plain lines when piped."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from mlorch.cli.output import short, size_text
from mlorch.events import (
    AssetMaterialized,
    CheckEvaluated,
    Event,
    HookErrored,
    OutputCaptured,
    StepFailed,
    StepRetried,
    StepSkipped,
    StepStarted,
    StepSucceeded,
)

if TYPE_CHECKING:
    from mlorch.log import Slot
    from mlorch.planning.plan import Plan


class Progress(Protocol):
    """Told what is planned, what happens and whom the run waits for."""

    def planned(self, plan: Plan) -> None: ...

    def happened(self, event: Event) -> None: ...

    def waiting(self, message: str) -> None: ...


@contextmanager
def showing() -> Iterator[Progress]:
    """Show progress while the block runs: live where standard error is a terminal, else plain lines."""
    if sys.stderr.isatty():
        with _live() as live:
            yield live
    else:
        yield Lines()


def line_of(event: Event) -> str | None:
    """Return the line that tells an event, or None where it is not worth one."""
    if isinstance(event, AssetMaterialized):
        facts = [f"{event.at - event.started_at:.2f} s"]
        if "rows" in event.metadata:
            facts.append(f"{event.metadata['rows']:,} rows")
        if event.size is not None:
            facts.append(size_text(event.size))
        facts.extend(
            f"{name} {value:.4g}" for name, value in event.metrics.items() if not isinstance(value, list)
        )
        return f"made     {event.step}  @{short(event.data_version)}  {', '.join(facts)}"
    if isinstance(event, StepSucceeded):
        # Where it makes an asset, that is told already.
        return f"done     {event.step}  {event.at - event.started_at:.2f} s" if not event.asset else None
    if isinstance(event, StepSkipped) and not (event.asset or event.is_blocked):
        return f"skipped  {event.step}  {event.reason}"
    if isinstance(event, StepSkipped):
        return f"{'blocked' if event.is_blocked else 'fresh  '}  {event.step}  {event.reason}"
    if isinstance(event, StepRetried):
        return f"retry    {event.step}  in {event.delay:g} s: {event.error['type']}: {event.error['message']}"
    if isinstance(event, StepFailed):
        return f"failed   {event.step}  {event.error['type']}"
    if isinstance(event, CheckEvaluated):
        return _line_of_check(event)
    if isinstance(event, HookErrored):
        error = event.error
        return f"hook     {event.step}  {event.hook} raised {error['type']}: {error['message']}"
    return None


def _line_of_check(event: CheckEvaluated) -> str | None:
    if event.passed and event.check == "schema":
        # Every value that is kept under a schema passed; only one that did not is news.
        return None
    verdict = "passed" if event.passed else "failed" if event.severity == "ERROR" else "warns"
    where = f"[{event.partition}]" if event.partition is not None else ""
    told = event.description or ""
    if not told and not event.passed and event.metadata.get("failures"):
        told = f"{event.metadata['failures']:,} failures in {event.metadata.get('rows', 0):,} rows"
    return f"check    {event.asset}{where}:{event.check}  {verdict}{f': {told}' if told else ''}"


class Lines:
    """One plain line a fact."""

    def __init__(self, write: Any = None) -> None:
        self._write = write or (lambda line: print(line, file=sys.stderr, flush=True))

    def planned(self, plan: Plan) -> None:
        if plan.steps:
            self._write(f"{len(plan.steps)} to do, {len(plan.fresh)} fresh")

    def happened(self, event: Event) -> None:
        if isinstance(event, OutputCaptured):
            for _, level, message in event.log:
                self._write(f"log      {event.step}  {level}: {message}")
        line = line_of(event)
        if line is not None:
            self._write(line)

    def waiting(self, message: str) -> None:
        self._write(f"waiting  {message}")


class _Live(Lines):
    """Lines above a bar that shows how far the run is and what is being made."""

    def __init__(self, bar: Any) -> None:
        super().__init__(lambda line: bar.console.print(line, markup=False, highlight=False, soft_wrap=True))
        self._bar = bar
        self._task = bar.add_task("planning", total=None)

    def planned(self, plan: Plan) -> None:
        self._bar.update(self._task, total=len(plan.steps), description="starting")

    def happened(self, event: Event) -> None:
        super().happened(event)
        if isinstance(event, StepStarted):
            self._bar.update(self._task, description=event.step)
        elif isinstance(event, AssetMaterialized | StepSkipped | StepFailed) or (
            isinstance(event, StepSucceeded) and not event.asset
        ):
            self._bar.advance(self._task)


class Counts(Lines):
    """How many asset partitions of a backfill are done, now and then; what fails, at once."""

    def __init__(self, write: Any = None) -> None:
        super().__init__(write)
        self._units: dict[str, tuple[Slot, ...]] = {}
        self._done: set[Slot] = set()
        self._total = 0
        self._failed = 0
        self._began = self._told = time.monotonic()

    def planned(self, plan: Plan) -> None:
        runs = len({step.run for step in plan.steps})
        self._units = {step.name: step.unit.slots for step in plan.steps}
        self._total = sum(len(unit.slots) for unit in plan.units)
        self._began = self._told = time.monotonic()
        if plan.steps:
            self._write(f"{self._total:,} to make in {runs:,} runs, {len(plan.fresh):,} fresh")

    def happened(self, event: Event) -> None:
        if isinstance(event, AssetMaterialized):
            self._done.add((event.asset, event.partition))
            self._count()
        elif isinstance(event, StepSkipped | StepFailed):
            self._done.update(self._units.get(event.step, ()))
            self._failed += isinstance(event, StepFailed)
            self._count()
        if isinstance(event, StepFailed | StepRetried | OutputCaptured):
            super().happened(event)

    def _count(self) -> None:
        now = time.monotonic()
        if now - self._told >= _BETWEEN_COUNTS:
            self._told = now
            left = (now - self._began) * (self._total - len(self._done)) / max(1, len(self._done))
            failed = f", {self._failed:,} failed" if self._failed else ""
            self._write(f"{len(self._done):,} of {self._total:,} done{failed}, about {left:.0f} s left")


class _LiveCounts(Counts):
    """A bar over the asset partitions; above it what fails and what is logged."""

    def __init__(self, bar: Any) -> None:
        super().__init__(lambda line: bar.console.print(line, markup=False, highlight=False, soft_wrap=True))
        self._bar = bar
        self._task = bar.add_task("planning", total=None)

    def planned(self, plan: Plan) -> None:
        super().planned(plan)
        self._bar.update(self._task, total=self._total)

    def _count(self) -> None:
        text = f"{self._failed:,} failed" if self._failed else ""
        self._bar.update(self._task, completed=len(self._done), description=text)


_BETWEEN_COUNTS = 5.0
"""Seconds."""


@contextmanager
def counting() -> Iterator[Progress]:
    """Show how far a backfill is while the block runs: live on a terminal, else a line every few seconds."""
    if not sys.stderr.isatty():
        yield Counts()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    left = TimeRemainingColumn(compact=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), left, TextColumn("{task.description}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _LiveCounts(bar)


@contextmanager
def _live() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Live(bar)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def __str__(self) -> str:
        return f"{time.perf_counter() - self._start:.1f} s"
