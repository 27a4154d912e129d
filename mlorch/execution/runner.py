"""Carries a plan out: submits what is ready, reports facts. The one writer of a run."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Any, Self

from mlorch.definitions.assets import AssetsDefinition
from mlorch.errors import StorageError
from mlorch.events import (
    AssetMaterialized,
    Event,
    RunFinished,
    RunStarted,
    StepFailed,
    StepRetried,
    StepSkipped,
    StepStarted,
)
from mlorch.execution.executors import Performing, StepExecutor
from mlorch.execution.run import Run
from mlorch.execution.step import Argument, Call, Kept, Outcome, Tools, perform
from mlorch.log import EventLog, History, Record, Slot
from mlorch.planning.plan import Plan, PlannedStep
from mlorch.planning.staleness import Assessment

FLUSH_SECONDS = 0.25
"""Facts wait about this long for their transaction, at most twice as long."""

FLUSH_FACTS = 2_000


@dataclass(slots=True)
class RunResult:
    """What a run came to."""

    run_id: str
    status: str
    materializations: list[AssetMaterialized] = field(default_factory=list)
    skipped: list[StepSkipped] = field(default_factory=list)
    failures: list[StepFailed] = field(default_factory=list)
    exceptions: list[BaseException] = field(default_factory=list)
    """What the failed steps raised, where they ran in this process."""


class Writer:
    """Collects facts and appends them in batches; tells a listener each of them at once.

    While it is entered no fact waits long, though a step of an hour may run in this thread.
    """

    def __init__(self, log: EventLog, history: History, listen: Callable[[Event], None] | None) -> None:
        self._log = log
        self._history = history
        self._listen = listen
        self._waiting: list[Event] = []
        self._flushed_at = time.monotonic()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._clock = threading.Thread(target=self._keep_flushing, name="mlorch-writer", daemon=True)

    def add(self, *facts: Event) -> None:
        self._waiting.extend(facts)
        if self._listen is not None:
            for fact in facts:
                self._listen(fact)

    def flush(self, *, only_if_due: bool = False) -> None:
        """Append what waits in one transaction; `only_if_due` leaves a batch that is young and small.

        What could not be appended stays, for the next time.
        """
        with self._lock:
            now = time.monotonic()
            if only_if_due and now - self._flushed_at < FLUSH_SECONDS and len(self._waiting) < FLUSH_FACTS:
                return
            self._flushed_at = now
            facts = [self._numbered(fact) for fact in self._waiting]
            if not facts:
                return
            numbers = self._log.append(facts)
            del self._waiting[: len(facts)]
            for seq, fact in zip(numbers, facts, strict=True):
                self._history.add(Record(seq, fact))

    def __enter__(self) -> Self:
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._clock.join()

    def _keep_flushing(self) -> None:
        while not self._stopped.wait(FLUSH_SECONDS):
            # The runner meets the same error when it flushes next, or it has passed by then.
            with suppress(StorageError, OSError):
                self.flush(only_if_due=True)

    def _numbered(self, fact: Event) -> Event:
        """Give inputs the numbers of facts that were appended after they were read."""
        if not isinstance(fact, AssetMaterialized) or all(one.seq is not None for one in fact.inputs):
            return fact
        numbers = [one.seq or self._history.current((one.asset, one.partition)).seq for one in fact.inputs]
        if not any(numbers):
            return fact
        inputs = (one._replace(seq=seq) for one, seq in zip(fact.inputs, numbers, strict=True))
        return replace(fact, inputs=tuple(inputs))


class Runner:
    """One plan on its way; `carry_out` makes one."""

    def __init__(self, plan: Plan, run: Run, assessment: Assessment, tools: Tools, writer: Writer) -> None:
        self._plan = plan
        self._run = run
        self._assessment = assessment
        self._tools = tools
        self._writer = writer
        self._history = assessment.history
        self._waiting = [len(step.waits_for) for step in plan.steps]
        self._below: list[list[int]] = [[] for _ in plan.steps]
        for index, step in enumerate(plan.steps):
            for above in step.waits_for:
                self._below[above].append(index)
        self._ready = [index for index, count in enumerate(self._waiting) if not count]
        self._retries: list[tuple[float, int, int]] = []
        self._running: dict[Performing, tuple[int, int]] = {}
        self._done: SimpleQueue[Performing] = SimpleQueue()
        self._blocked: set[int] = set()
        self.result = RunResult(run.run_id, "SUCCESS")

    def work(self, executor: StepExecutor) -> None:
        """Submit and collect until every step is made, skipped or failed."""
        while self._ready or self._running or self._retries:
            self._revive(executor)
            while self._ready and len(self._running) < executor.workers:
                index = heapq.heappop(self._ready)
                if not self._is_skipped(index):
                    self._submit(executor, index, 1)
            if self._running or self._retries:
                self._collect()

    def settle(self) -> None:
        """Wait for the steps that still run after `work` was broken off, and report what they have made."""
        for future in self._running:
            self._take(_outcome(future))

    def _is_skipped(self, index: int) -> bool:
        step = self._plan.steps[index]
        reason = ""
        if index in self._blocked:
            reason = "something upstream failed"
        elif step.is_conditional and self._assessment.status(step.slot).status == "FRESH":
            reason = "its inputs came out with the same data versions"
        if not reason:
            return False
        skipped = StepSkipped(
            run_id=self._run.run_id,
            at=time.time(),
            step=step.name,
            asset=step.slot[0],
            partition=step.slot[1],
            reason=reason,
            is_blocked=index in self._blocked,
        )
        self._writer.add(skipped)
        self.result.skipped.append(skipped)
        self._release(index, failed=skipped.is_blocked)
        return True

    def _submit(self, executor: StepExecutor, index: int, attempt: int) -> None:
        step = self._plan.steps[index]
        self._writer.add(
            StepStarted(
                run_id=self._run.run_id,
                at=time.time(),
                step=step.name,
                asset=step.slot[0],
                partition=step.slot[1],
                attempt=attempt,
            )
        )
        self._writer.flush(only_if_due=True)
        future = executor.submit(perform, self._call(step, attempt), self._tools)
        self._running[future] = index, attempt
        future.add_done_callback(self._done.put)

    def _call(self, step: PlannedStep, attempt: int) -> Call:
        key = step.slot[0]
        definition = self._definition(key)
        declared = self._assessment.declared[key]
        inputs = tuple(self._history.current(one) for read in step.reads for one in read.slots)
        if len(step.reads) > 1:
            inputs = tuple(dict.fromkeys(inputs))
        return Call(
            run=self._run,
            definition=definition,
            slot=step.slot,
            attempt=attempt,
            arguments=tuple(
                Argument(
                    read.dependency.argument,
                    read.dependency.annotation,
                    tuple(self._kept(one) for one in read.slots),
                )
                for read in step.reads
                if read.dependency.argument is not None
            ),
            inputs=inputs,
            code_version=declared.code_version or self._run.run_id,
            is_code_declared=declared.code_version is not None,
            default_config_digest=declared.default_config_digest,
        )

    def _definition(self, key: str) -> AssetsDefinition:
        definition = self._assessment.graph.nodes[key].definition
        assert definition is not None, "an external asset is never planned"
        return definition

    def _kept(self, slot: Slot) -> Kept:
        made = self._history.made(slot)
        if made is None:
            return Kept(slot)
        return Kept(slot, made.uri, made.content_hash, made.io_manager, made.metadata)

    def _collect(self) -> None:
        wait = max(0.0, self._retries[0][0] - time.monotonic()) if self._retries else None
        try:
            future = self._done.get(timeout=wait)
        except Empty:
            return
        index, attempt = self._running.pop(future)
        outcome = _outcome(future)
        self._take(outcome)
        if outcome.error is None:
            self._release(index, failed=False)
        else:
            self._fail(index, attempt, outcome, outcome.error)
        self._writer.flush(only_if_due=True)

    def _take(self, outcome: Outcome) -> None:
        for fact in outcome.facts:
            if isinstance(fact, AssetMaterialized):
                self._history.add(Record(0, fact))
                self.result.materializations.append(fact)
            self._writer.add(fact)

    def _fail(self, index: int, attempt: int, outcome: Outcome, error: Mapping[str, Any]) -> None:
        step = self._plan.steps[index]
        policy = self._definition(step.slot[0]).retry_policy
        about: dict[str, Any] = {
            "run_id": self._run.run_id,
            "at": time.time(),
            "step": step.name,
            "asset": step.slot[0],
            "partition": step.slot[1],
            "attempt": attempt,
            "error": error,
        }
        if policy is not None and attempt <= policy.max_retries:
            delay = policy.wait(attempt)
            self._writer.add(StepRetried(**about, delay=delay))
            heapq.heappush(self._retries, (time.monotonic() + delay, index, attempt + 1))
            return
        failed = StepFailed(**about)
        self._writer.add(failed)
        self.result.failures.append(failed)
        self.result.status = "FAILURE"
        if outcome.exception is not None:
            self.result.exceptions.append(outcome.exception)
        self._release(index, failed=True)

    def _revive(self, executor: StepExecutor) -> None:
        while self._retries and self._retries[0][0] <= time.monotonic():
            _, index, attempt = heapq.heappop(self._retries)
            self._submit(executor, index, attempt)

    def _release(self, index: int, *, failed: bool) -> None:
        for below in self._below[index]:
            if failed:
                self._blocked.add(below)
            self._waiting[below] -= 1
            if not self._waiting[below]:
                heapq.heappush(self._ready, below)


def carry_out(
    plan: Plan,
    run: Run,
    started: RunStarted,
    *,
    assessment: Assessment,
    tools: Tools,
    log: EventLog,
    executor: StepExecutor,
    listen: Callable[[Event], None] | None = None,
) -> RunResult:
    """Perform the plan and record it; `listen` is told each fact as it happens.

    An interrupt (KeyboardInterrupt) ends the run as CANCELED, anything else that breaks it off as FAILURE,
    with what was made; both are raised again.
    """
    with Writer(log, assessment.history, listen) as writer:
        runner = Runner(plan, run, assessment, tools, writer)
        result, reason = runner.result, ""
        writer.add(started)
        try:
            runner.work(executor)
        except BaseException as error:
            is_interrupt = isinstance(error, KeyboardInterrupt)
            result.status = "CANCELED" if is_interrupt else "FAILURE"
            reason = "interrupted" if is_interrupt else f"{type(error).__name__}: {error}"
            executor.stop()
            runner.settle()
            raise
        finally:
            writer.add(_finished(result, reason))
            writer.flush()
    return result


def _finished(result: RunResult, reason: str) -> RunFinished:
    counts = {
        "made": len(result.materializations),
        "skipped": sum(not one.is_blocked for one in result.skipped),
        "failed": len(result.failures),
        "blocked": sum(one.is_blocked for one in result.skipped),
    }
    at = time.time()
    return RunFinished(run_id=result.run_id, at=at, status=result.status, counts=counts, reason=reason)


def _outcome(future: Performing) -> Outcome:
    """Return what a call came to; where it never arrived or never came back, what is known of that."""
    try:
        outcome: Outcome = future.result()
        return outcome
    except BrokenExecutor as error:
        message = f"the workers ended, because of this step or of one beside it: {_text(error)}"
    except Exception as error:  # noqa: BLE001 - what does not travel ends the step, not the run
        message = f"the step could not be sent to its worker or back: {_text(error)}"
    return Outcome([], {"type": "WorkerError", "message": message, "traceback": "", "exit_code": 1})


def _text(error: Exception) -> str:
    """Return an error in one line, with its cause: of a worker's, which is a traceback as text, the end."""
    said = [str(one).strip('" \n') for one in (error, error.__cause__) if one is not None]
    lines = [text.rpartition("\n")[2] if "Traceback" in text else " ".join(text.split()) for text in said]
    return "; ".join(line for line in lines if line)
