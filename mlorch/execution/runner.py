"""Carries a plan out: submits what is ready, reports facts."""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Any

from mlorch.events import (
    AssetMaterialized,
    CheckEvaluated,
    Event,
    RunFinished,
    RunStarted,
    StepFailed,
    StepRetried,
    StepSkipped,
    StepStarted,
)
from mlorch.execution.admission import Entrance, Gate
from mlorch.execution.board import Board
from mlorch.execution.call import Kept, Outcome, Tools
from mlorch.execution.calls import Caller
from mlorch.execution.executors import Performing, StepExecutor
from mlorch.execution.pools import POLL, NoPools, Pools
from mlorch.execution.resources import opened
from mlorch.execution.run import Run
from mlorch.execution.step import init_context, perform
from mlorch.execution.writer import Writer
from mlorch.log import EventLog, Record
from mlorch.planning.plan import Plan, PlannedStep
from mlorch.planning.staleness import Assessment


@dataclass(slots=True)
class RunResult:
    """What a run came to, or several runs of one plan together."""

    run_id: str
    status: str
    materializations: list[AssetMaterialized] = field(default_factory=list)
    skipped: list[StepSkipped] = field(default_factory=list)
    failures: list[StepFailed] = field(default_factory=list)
    checks: list[CheckEvaluated] = field(default_factory=list)
    exceptions: list[BaseException] = field(default_factory=list)
    """What the failed steps raised, where they ran in this process."""
    passed: dict[tuple[str, str], list[Kept]] = field(default_factory=dict)
    """By step and output, what ops passed on."""

    def add(self, other: RunResult) -> None:
        """Take over what another run came to."""
        for name in ("materializations", "skipped", "failures", "checks", "exceptions"):
            getattr(self, name).extend(getattr(other, name))
        self.passed.update(other.passed)
        if other.status != "SUCCESS":
            self.status = other.status


@dataclass(slots=True)
class RunInHand:
    """One of the runs of a plan: begins with its first step, ends with its last."""

    run: Run
    started: RunStarted
    waiting: int = 0
    """Steps that are not over."""
    has_begun: bool = False
    result: RunResult = field(init=False)
    _cleanups: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.result = RunResult(self.run.run_id, "SUCCESS")

    def begin(self) -> None:
        """Let steps of this process share the resources; where calls travel, each step sets up its own."""
        self.has_begun = True
        resources = self._cleanups.enter_context(opened(self.run.resources, init_context(self.run)))
        if resources is not self.run.resources:
            self.run = replace(self.run, resources=resources)

    def end(self) -> None:
        """Tear down what its steps had set up."""
        self._cleanups.close()


class Runner:
    """One plan on its way; `carry_out` makes one."""

    def __init__(
        self,
        plan: Plan,
        runs: Sequence[RunInHand],
        assessment: Assessment,
        tools: Tools,
        writer: Writer,
        *,
        given: Mapping[tuple[str, str], Any],
        pools: Pools,
        gate: Gate | None,
        why_of: Callable[[str], str | None],
    ) -> None:
        self._board = Board(plan.steps)
        self._runs = runs
        self._assessment = assessment
        self._tools = tools
        self._writer = writer
        self._caller = Caller(assessment, given)
        self._pools = pools
        self._entrance = Entrance(gate, [hand.run for hand in runs])
        self._why_of = why_of
        self._retries: list[tuple[float, int, int]] = []
        self._queued: list[tuple[int, int]] = []
        """Steps that are ready and wait for a slot of their pool, with their attempts."""
        self._running: dict[Performing, tuple[int, int]] = {}
        self._done: SimpleQueue[Performing] = SimpleQueue()
        self._fresh_units: dict[int, bool] = {}
        for step in plan.steps:
            runs[step.run].waiting += 1

    def work(self, executor: StepExecutor) -> None:
        """Submit and collect until every step is made, skipped or failed."""
        board = self._board
        while board or self._running or self._retries or self._queued or self._entrance:
            self._revive(executor)
            self._call_up(executor)
            while board and len(self._running) < executor.workers:
                index = board.take()
                if not self._is_skipped(index) and self._entrance.admits(board.steps[index].run, index):
                    self._submit(executor, index, 1)
            if len(self._running) < executor.workers and (let_in := self._entrance.let_in()):
                for index in let_in:
                    board.put_back(index)
            elif self._running or self._retries or self._queued or self._entrance:
                self._collect()

    def close(self) -> None:
        """Leave room for the runs of others."""
        self._entrance.close()

    def settle(self) -> None:
        """Wait for the steps that still run after `work` was broken off, and report what they have made."""
        for future, (index, _) in self._running.items():
            self._take(index, _outcome(future))

    def finish(self, status: str, reason: str) -> None:
        """End every run that has begun and not ended."""
        for hand in self._runs:
            if hand.has_begun and hand.waiting:
                hand.end()
                hand.result.status = status
                self._writer.add(_finished(hand.result, reason))

    def _is_skipped(self, index: int) -> bool:
        board, step = self._board, self._board.steps[index]
        if board.is_blocked(index):
            self._skip(step, "something upstream failed", is_blocked=True)
            board.fail(index)
        elif (name := board.unmade_input(index)) is not None:
            self._skip(step, f"{name} was not made")
            board.skip(index)
        elif (why := self._why_of(self._runs[step.run].run.run_id)) is not None:
            self._runs[step.run].result.status = "CANCELED"
            self._skip(step, why, is_blocked=True)
            board.fail(index)
        elif step.unit.is_conditional and self._is_fresh(step):
            self._skip(step, "its inputs came out with the same data versions")
            board.leave_out(index)
        else:
            return False
        self._over(step)
        return True

    def _is_fresh(self, step: PlannedStep) -> bool:
        """Tell whether all that is made together with a step turned out fresh; asked once for all of it."""
        known = self._fresh_units.get(id(step.unit))
        if known is None:
            status = self._assessment.status
            known = all(status(slot).status == "FRESH" for slot in step.unit.slots)
            self._fresh_units[id(step.unit)] = known
        return known

    def _skip(self, step: PlannedStep, reason: str, *, is_blocked: bool = False) -> None:
        hand = self._begin(step)
        skipped = StepSkipped(**self._about(step), reason=reason, is_blocked=is_blocked)
        self._writer.add(skipped)
        hand.result.skipped.append(skipped)

    def _begin(self, step: PlannedStep) -> RunInHand:
        hand = self._runs[step.run]
        if not hand.has_begun:
            hand.begin()
            self._writer.add(replace(hand.started, at=time.time()))
        return hand

    def _over(self, step: PlannedStep) -> None:
        hand = self._runs[step.run]
        hand.waiting -= 1
        if not hand.waiting:
            self._entrance.leave(step.run)
            hand.end()
            self._writer.add(_finished(hand.result, ""))

    def _about(self, step: PlannedStep) -> dict[str, Any]:
        return {
            "run_id": self._runs[step.run].run.run_id,
            "at": time.time(),
            "step": step.name,
            "asset": step.unit.asset,
            "partition": step.unit.partition,
        }

    def _submit(self, executor: StepExecutor, index: int, attempt: int) -> None:
        step = self._board.steps[index]
        pool = step.node.pool
        if pool is not None and not self._pools.acquire(pool, step.name):
            self._queued.append((index, attempt))
            return
        hand = self._begin(step)
        self._writer.add(StepStarted(**self._about(step), attempt=attempt))
        self._writer.flush(only_if_due=True)
        call = self._caller.call(step, hand.run, attempt)
        future = executor.submit(perform, call, self._tools, timeout=step.node.op.timeout)
        self._running[future] = index, attempt
        future.add_done_callback(self._done.put)

    def _collect(self) -> None:
        wait = max(0.0, self._retries[0][0] - time.monotonic()) if self._retries else None
        if self._queued or self._entrance:
            wait = POLL if wait is None else min(wait, POLL)
        try:
            future = self._done.get(timeout=wait)
        except Empty:
            return
        index, attempt = self._running.pop(future)
        step = self._board.steps[index]
        if step.node.pool is not None:
            self._pools.release(step.node.pool, step.name)
        outcome = _outcome(future)
        self._take(index, outcome)
        if outcome.error is None:
            self._succeed(index, outcome)
        else:
            self._fail(index, attempt, outcome, outcome.error)
        self._writer.flush(only_if_due=True)

    def _take(self, index: int, outcome: Outcome) -> None:
        result = self._runs[self._board.steps[index].run].result
        for fact in outcome.facts:
            if isinstance(fact, AssetMaterialized):
                self._caller.made(Record(0, fact))
                result.materializations.append(fact)
            elif isinstance(fact, CheckEvaluated):
                result.checks.append(fact)
            self._writer.add(fact)

    def _succeed(self, index: int, outcome: Outcome) -> None:
        board, step = self._board, self._board.steps[index]
        self._caller.passed(step, outcome.passed)
        result = self._runs[step.run].result
        for kept in outcome.passed:
            result.passed.setdefault((step.name, kept.output), []).append(kept)
        keys: dict[str, list[str]] = {}
        for kept in outcome.passed:
            if kept.mapping_key is not None:
                keys.setdefault(kept.output, []).append(kept.mapping_key)
        self._runs[step.run].waiting += board.done(index, outcome.outputs, keys)
        self._over(step)

    def _fail(self, index: int, attempt: int, outcome: Outcome, error: Mapping[str, Any]) -> None:
        step = self._board.steps[index]
        about = {**self._about(step), "attempt": attempt, "error": error}
        delay = _delay(step, attempt, outcome)
        if delay is not None:
            self._writer.add(StepRetried(**about, delay=delay))
            heapq.heappush(self._retries, (time.monotonic() + delay, index, attempt + 1))
            return
        slots = step.unit.slots if len(step.unit.slots) > 1 else ()
        failed = StepFailed(**about, slots=slots)
        self._writer.add(failed)
        result = self._runs[step.run].result
        result.failures.append(failed)
        result.status = "FAILURE"
        if outcome.exception is not None:
            result.exceptions.append(outcome.exception)
        self._board.fail(index)
        self._over(step)

    def _call_up(self, executor: StepExecutor) -> None:
        """Submit the steps for which there is a slot now."""
        queued, self._queued = self._queued, []
        for index, attempt in queued:
            if len(self._running) < executor.workers:
                self._submit(executor, index, attempt)
            else:
                self._queued.append((index, attempt))

    def _revive(self, executor: StepExecutor) -> None:
        while self._retries and self._retries[0][0] <= time.monotonic():
            _, index, attempt = heapq.heappop(self._retries)
            self._submit(executor, index, attempt)


def carry_out(
    plan: Plan,
    runs: Sequence[RunInHand],
    *,
    assessment: Assessment,
    tools: Tools,
    log: EventLog,
    executor: StepExecutor,
    listen: Callable[[Event], None] | None = None,
    given: Mapping[tuple[str, str], Any] | None = None,
    pools: Pools | None = None,
    why: Callable[[], str | None] = lambda: None,
    gate: Gate | None = None,
    why_of: Callable[[str], str | None] = lambda _: None,
) -> None:
    """Perform the plan and record it, each step in the run that it belongs to; results are in `runs`.

    `listen` is told each fact as it happens; `given` has the values of inputs that nothing in the plan
    fills, by path of the op and input. `gate` lets runs begin; `why_of` says why one was asked to end, `why`
    why all were. An interrupt (KeyboardInterrupt) ends what has begun as CANCELED, anything else that breaks
    it off as FAILURE, with what was made; both are raised again.
    """
    with Writer(log, assessment.history, listen) as writer:
        shared: dict[str, Any] = {
            "given": given or {},
            "pools": pools or NoPools(),
            "gate": gate,
            "why_of": why_of,
        }
        runner = Runner(plan, runs, assessment, tools, writer, **shared)
        try:
            runner.work(executor)
        except BaseException as error:
            is_interrupt = isinstance(error, KeyboardInterrupt)
            executor.stop()
            runner.settle()
            if is_interrupt:
                runner.finish("CANCELED", why() or "interrupted")
            else:
                runner.finish("FAILURE", f"{type(error).__name__}: {error}")
            raise
        finally:
            runner.close()
            writer.flush()


def _finished(result: RunResult, reason: str) -> RunFinished:
    counts = {
        "made": len(result.materializations),
        "skipped": sum(not one.is_blocked for one in result.skipped),
        "failed": len(result.failures),
        "blocked": sum(one.is_blocked for one in result.skipped),
    }
    at = time.time()
    return RunFinished(run_id=result.run_id, at=at, status=result.status, counts=counts, reason=reason)


def _delay(step: PlannedStep, attempt: int, outcome: Outcome) -> float | None:
    """Return the seconds to wait for another attempt, or None where there is none."""
    if not outcome.may_retry:
        return None
    if outcome.retry is not None:
        most, seconds = outcome.retry
        return (seconds or 0.0) if attempt <= most else None
    policy = step.node.retry_policy
    if policy is None or attempt > policy.max_retries:
        return None
    return policy.wait(attempt, random.random())


def _outcome(future: Performing) -> Outcome:
    """Return what a call came to; where it never arrived or never came back, what is known of that."""
    try:
        outcome: Outcome = future.result()
        return outcome
    except Exception as error:  # noqa: BLE001 - what does not travel ends the step, not the run
        about = {"type": type(error).__name__, "message": str(error), "traceback": "", "exit_code": 1}
        return Outcome(error=about)
