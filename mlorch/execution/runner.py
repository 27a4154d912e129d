"""Carries a plan out: submits what is ready, reports facts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any

from mlorch.errors import MlorchError, StepTimeoutError
from mlorch.events import (
    AssetMaterialized,
    AssetObserved,
    CheckEvaluated,
    Event,
    StepFailed,
    StepRetried,
    StepSkipped,
    StepStarted,
    StepSucceeded,
)
from mlorch.execution.admission import Entrance, Gate
from mlorch.execution.board import Board
from mlorch.execution.call import Outcome, Tools
from mlorch.execution.calls import Caller
from mlorch.execution.executors import Performing, StepExecutor
from mlorch.execution.hand import RunInHand
from mlorch.execution.pools import POLL, NoPools, Pools
from mlorch.execution.remembering import Memory
from mlorch.execution.retries import Retries, delay_of
from mlorch.execution.step import perform, tell
from mlorch.execution.writer import Writer
from mlorch.log import EventLog, Record
from mlorch.planning.plan import Plan, PlannedStep
from mlorch.planning.staleness import Assessment


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
        memory: Memory | None,
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
        self._memory = memory
        self._retries = Retries()
        self._queued: list[tuple[int, int]] = []
        """Steps that are ready and wait for a slot of their pool or a worker, with their attempts."""
        self._running: dict[Performing, tuple[int, int]] = {}
        self._done: SimpleQueue[Performing] = SimpleQueue()
        self._fresh_units: dict[int, bool] = {}
        for step in plan.steps:
            runs[step.run].waiting += 1

    def work(self, executor: StepExecutor) -> None:
        """Submit and collect until every step is made, skipped or failed."""
        board = self._board
        while board or self._running or self._retries or self._queued or self._entrance:
            if self._retries:
                self._queued.extend(self._retries.due())
            if self._queued:
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
            self._take(index, self._retries.settled(index, _outcome(future).facts))
        for index, facts in self._retries.left():
            self._take(index, facts)

    def finish(self, status: str, reason: str) -> None:
        """End every run that has begun and not ended."""
        for hand in self._runs:
            if hand.has_begun and hand.waiting:
                hand.end()
                hand.result.status, hand.result.reason = status, reason
                self._writer.add(hand.result.fact)

    def _is_skipped(self, index: int) -> bool:
        board, step = self._board, self._board.steps[index]
        if board.is_blocked(index):
            self._skip(step, "something upstream failed", is_blocked=True)
            board.fail(index)
        elif (name := board.unmade_input(index)) is not None:
            self._skip(step, f"{name} was not made")
            board.skip(index)
        elif self._memory is not None and (known := self._memory.recall(step)) is not None:
            self._begin(step)
            self._succeed(index, known)
            return True
        elif self._is_ending(hand := self._runs[step.run]):
            self._take(index, self._retries.settled(index, []))
            self._skip(step, hand.result.reason, is_blocked=True)
            board.fail(index)
        elif step.unit.is_conditional and self._is_fresh(step):
            self._skip(step, "its inputs came out with the same data versions")
            board.leave_out(index)
        else:
            return False
        self._over(step)
        return True

    def _is_ending(self, hand: RunInHand) -> bool:
        """Tell whether a run begins no more steps: it was asked to end, or took too long."""
        if (why := self._why_of(hand.run.run_id)) is not None:
            hand.result.status, hand.result.reason = "CANCELED", why
        elif hand.max_runtime is not None and hand.is_late():
            hand.result.status, hand.result.reason = "FAILURE", hand.lateness
        else:
            return False
        return True

    def _is_fresh(self, step: PlannedStep) -> bool:
        """Tell whether all that is made together with a step turned out fresh; asked once for all of it."""
        known = self._fresh_units.get(id(step.unit))
        if known is None:
            assessment, unit = self._assessment, step.unit
            if unit.checked:
                run_id = self._runs[step.run].run.run_id
                made = (assessment.history.made(slot) for slot in unit.checked)
                known = not any(one is not None and one.run_id == run_id for one in made)
            else:
                known = all(assessment.status(slot).status == "FRESH" for slot in unit.slots)
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
            hand.begin(self._tools.open_instance)
            self._writer.add(replace(hand.started, at=time.time()))
        return hand

    def _over(self, step: PlannedStep) -> None:
        hand = self._runs[step.run]
        hand.waiting -= 1
        if not hand.waiting:
            self._entrance.leave(step.run)
            hand.end()
            self._writer.add(hand.result.fact)

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
        # A check with a context may ask the log about what was made a moment ago.
        asks = bool(step.unit.checked) and step.node.op.signature.context is not None
        self._writer.flush(only_if_due=not asks)
        call = self._caller.call(step, hand.run, attempt)
        timeout = step.node.op.timeout
        if hand.max_runtime is not None:
            timeout = hand.limit(timeout)
        future = executor.submit(perform, call, self._tools, timeout=timeout)
        self._running[future] = index, attempt
        future.add_done_callback(self._done.put)

    def _collect(self) -> None:
        wait = self._retries.wait if self._retries else None
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
        if outcome.error is None:
            self._take(index, self._retries.settled(index, outcome.facts))
            self._succeed(index, outcome)
        else:
            self._fail(index, attempt, outcome, outcome.error)
        self._writer.flush(only_if_due=True)

    def _take(self, index: int, facts: Sequence[Event]) -> None:
        result = self._runs[self._board.steps[index].run].result
        for fact in facts:
            if isinstance(fact, AssetMaterialized | AssetObserved):
                self._caller.learn(Record(0, fact))
            if isinstance(fact, AssetMaterialized):
                result.materializations.append(fact)
            elif isinstance(fact, CheckEvaluated):
                result.checks.append(fact)
            elif isinstance(fact, StepSucceeded) and not fact.asset:
                result.done += 1
            self._writer.add(fact)

    def _succeed(self, index: int, outcome: Outcome) -> None:
        board, step = self._board, self._board.steps[index]
        self._caller.passed(step, outcome.passed)
        result = self._runs[step.run].result
        keys: dict[str, list[str]] = {}
        for kept in outcome.passed:
            key = step.mapping_key if kept.mapping_key is None else kept.mapping_key
            result.passed.setdefault((step.place, kept.output), {})[key] = kept
            if kept.mapping_key is not None:
                keys.setdefault(kept.output, []).append(kept.mapping_key)
        self._runs[step.run].waiting += board.done(index, outcome.outputs, keys)
        self._over(step)

    def _fail(self, index: int, attempt: int, outcome: Outcome, error: Mapping[str, Any]) -> None:
        step = self._board.steps[index]
        hand = self._runs[step.run]
        delay = delay_of(step, attempt, outcome)
        if delay is not None and not hand.is_late(delay):
            self._writer.add(*self._retries.hold_back(index, outcome.facts))
            self._writer.add(StepRetried(**self._about(step), attempt=attempt, error=error, delay=delay))
            self._retries.add(index, attempt + 1, delay)
            return
        if step.node.hooks and not outcome.has_told:
            tell(self._caller.call(step, hand.run, attempt), self._tools, outcome)
        self._take(index, self._retries.settled(index, outcome.facts))
        if hand.is_late():
            hand.result.reason = hand.lateness
            if error["type"] == StepTimeoutError.__name__:
                said = str(error["traceback"]).replace(error["message"], hand.lateness)
                error = {**error, "message": hand.lateness, "traceback": said}
        slots = self._board.lost(index) if len(step.unit.slots) > 1 else ()
        failed = StepFailed(**self._about(step), attempt=attempt, error=error, slots=slots)
        self._writer.add(failed)
        hand.result.failures.append(failed)
        hand.result.status = "FAILURE"
        if outcome.exception is not None:
            hand.result.exceptions.append(outcome.exception)
        self._board.fail(index)
        self._over(step)

    def _call_up(self, executor: StepExecutor) -> None:
        """Submit the steps that waited, as far as there are workers and slots now."""
        queued, self._queued = self._queued, []
        for index, attempt in queued:
            if len(self._running) >= executor.workers:
                self._queued.append((index, attempt))
            elif not self._is_skipped(index):
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
    memory: Memory | None = None,
) -> None:
    """Perform the plan and record it, each step in the run that it belongs to; results are in `runs`.

    `listen` is told each fact as it happens; `given` has the values of inputs that nothing in the plan
    fills, by path of the op and input. `gate` lets runs begin; `why_of` says why one was asked to end, `why`
    why all were; what is in `memory` is not performed again. An interrupt (KeyboardInterrupt) ends what has
    begun as CANCELED, anything else that breaks it off as FAILURE, with what was made; both are raised again.
    """
    with Writer(log, assessment.history, listen) as writer:
        shared: dict[str, Any] = {
            "given": given or {},
            "pools": pools or NoPools(),
            "gate": gate,
            "why_of": why_of,
            "memory": memory,
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


def _outcome(future: Performing) -> Outcome:
    """Return what a call came to; where it never arrived or never came back, what is known of that."""
    try:
        outcome: Outcome = future.result()
        return outcome
    except MlorchError as error:
        about = {"type": type(error).__name__, "message": str(error), "traceback": ""}
        return Outcome(error={**about, "exit_code": error.exit_code}, exception=error)
    except Exception as error:  # noqa: BLE001 - what does not travel ends the step, not the run
        about = {"type": type(error).__name__, "message": str(error), "traceback": ""}
        return Outcome(error={**about, "exit_code": 1}, exception=error)
