"""A run on its way, and what it came to."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from mlorch.definitions.tags import max_runtime_of
from mlorch.events import AssetMaterialized, CheckEvaluated, RunFinished, RunStarted, StepFailed, StepSkipped
from mlorch.execution.call import Kept
from mlorch.execution.run import Run
from mlorch.execution.step import open_resources


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
    passed: dict[tuple[str, str], dict[str | None, Kept]] = field(default_factory=dict)
    """By step and output, what ops passed on, by mapping key."""
    done: int = 0
    """Steps that make no asset and did what they were to do."""
    reason: str = ""
    """Why it ended before its steps."""

    def add(self, other: RunResult) -> None:
        """Take over what another run came to."""
        for name in ("materializations", "skipped", "failures", "checks", "exceptions"):
            getattr(self, name).extend(getattr(other, name))
        self.passed.update(other.passed)
        self.done += other.done
        if other.status != "SUCCESS":
            self.status, self.reason = other.status, other.reason or self.reason

    @property
    def fact(self) -> RunFinished:
        """What is recorded of its end."""
        counts = {
            **({"done": self.done} if self.done else {}),
            "made": len(self.materializations),
            "skipped": sum(not one.is_blocked for one in self.skipped),
            "failed": len(self.failures),
            "blocked": sum(one.is_blocked for one in self.skipped),
        }
        return RunFinished(
            run_id=self.run_id, at=time.time(), status=self.status, counts=counts, reason=self.reason
        )


@dataclass(slots=True)
class RunInHand:
    """One of the runs of a plan: begins with its first step, ends with its last."""

    run: Run
    started: RunStarted
    waiting: int = 0
    """Steps that are not over."""
    has_begun: bool = False
    max_runtime: float | None = field(init=False)
    """Seconds that the run may take."""
    result: RunResult = field(init=False)
    _deadline: float | None = None
    _cleanups: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.result = RunResult(self.run.run_id, "SUCCESS")
        self.max_runtime = max_runtime_of(self.run.tags) if self.run.tags else None

    def begin(self, open_instance: Callable[[], Any] | None = None) -> None:
        """Let steps of this process share the resources; where calls travel, each step sets up its own."""
        self.has_begun = True
        if self.max_runtime is not None:
            self._deadline = time.monotonic() + self.max_runtime
        if self.run.resources:
            resources = self._cleanups.enter_context(open_resources(self.run, open_instance))
            self.run = replace(self.run, resources=resources)

    def end(self) -> None:
        """Tear down what its steps had set up."""
        self._cleanups.close()

    def is_late(self, delay: float = 0.0) -> bool:
        """Tell whether the run has taken too long, or will have after a delay in seconds."""
        return self._deadline is not None and time.monotonic() + delay >= self._deadline

    def limit(self, timeout: float | None) -> float | None:
        """Return the seconds that a step may take which begins now."""
        if self._deadline is None:
            return timeout
        left = max(self._deadline - time.monotonic(), 0.001)
        return left if timeout is None else min(left, timeout)

    @property
    def lateness(self) -> str:
        return (
            f"the run took longer than its limit of {self.max_runtime:g} s (tag mlorch/max_runtime); "
            "give it longer, then 'mlorch runs retry' makes what is left"
        )
