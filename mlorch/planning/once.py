"""What may happen a single time, by the name under which the log remembers it (`EventLog.append`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlorch.events import Event, RunFinished, RunStarted


def run_began(run_id: str) -> str:
    return f"start:{run_id}"


def run_ended(run_id: str) -> str:
    return f"end:{run_id}"


def run_retried(run_id: str) -> str:
    return f"retry:{run_id}"


def tick(name: str, number: int, due: float) -> str:
    """Return the name of a tick: a schedule's by when it was due, a sensor's by its number."""
    return f"tick:{name}@{due:.3f}" if is_schedule(name) else f"tick:{name}#{number}"


def run_key(name: str, due: float, key: str) -> str:
    """Return the name of a run key: for a schedule it counts within one tick, for a sensor for ever."""
    return f"run_key:{name}@{due:.3f}:{key}" if is_schedule(name) else f"run_key:{name}:{key}"


def facts(batch: str) -> str:
    """Return the name of facts that are recorded together and belong to no tick, by an id of their own."""
    return f"facts:{batch}"


def is_schedule(name: str) -> bool:
    return name.startswith("schedule/")


def of_runs(facts: Iterable[Event]) -> Iterator[str]:
    """Yield the names of what facts say of runs: each begins once and ends once."""
    for fact in facts:
        if isinstance(fact, RunStarted):
            yield run_began(fact.run_id)
        elif isinstance(fact, RunFinished):
            yield run_ended(fact.run_id)


def worker_of(run_id: str) -> str:
    """Return the name of the lease that the process of a queued run holds, from before the run begins."""
    return f"worker/{run_id}"


DAEMON = "daemon"
"""The name of the lease that the daemon holds which is at work."""
