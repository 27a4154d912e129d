"""The verb prune: remove what retention does not keep, while everything else goes on.

`python -m mlorch.app.pruning FOLDER` does it once for the project in FOLDER, as the daemon has it done.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlorch.app.holding import holding
from mlorch.app.mirroring import DVC, store_of
from mlorch.app.notifying import follower_of, notifier_names
from mlorch.definitions.io import Removed
from mlorch.errors import BusyError, UserError
from mlorch.events import AssetMaterialized, RetentionApplied, RunQueued, RunStarted
from mlorch.instance import Instance
from mlorch.log import EventLog
from mlorch.mirrors.dvc import old_manifests
from mlorch.mirrors.mlflow import TOLD, registered
from mlorch.mirrors.notices import NOTICED
from mlorch.planning.once import DAEMON
from mlorch.planning.retention import Periods, Removal, Retention, Told
from mlorch.queries.retention import last_applied
from mlorch.settings import Settings, read_settings

if TYPE_CHECKING:
    from mlorch.storage.sql import SqlLog

GRACE = 86_400.0
"""Seconds for which bytes that were written, or written again, stay whatever is known of them."""


@dataclass(slots=True)
class Pruned:
    """What went, or would go."""

    runs: int = 0
    facts: int = 0
    logs: int = 0
    """Runs of which went what their steps wrote."""
    ticks: int = 0
    """Ticks and observations outside of runs."""
    values: int = 0
    """Versions of values, and manifests of directories for DVC."""
    log_bytes: int = 0
    """In the database, which uses the space again."""
    value_bytes: int = 0
    """On the disk."""
    dvc_bytes: int = 0
    """Bytes of the values that DVC's cache has as well: `dvc gc` frees them there."""
    postponed: str = ""
    """Why no run and no value went."""
    periods: dict[str, float | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def prune(settings: Settings, instance: Instance, now: float, *, only_ask: bool = False) -> Pruned:
    """Remove what the settings do not keep; `only_ask` removes nothing and says what would go.

    Raises UserError for an instance in memory, BusyError where another process prunes.
    """
    if instance.leases is None or not hasattr(instance.log, "engine"):
        raise UserError("retention needs an instance that is kept in a database, such as a project's")
    if only_ask:
        return _Pruning(settings, instance, now).ask()
    name = f"retention-{os.getpid()}"
    with holding(instance.leases, [(":retention", None)], name, 0, lambda _: None):
        return _Pruning(settings, instance, now).remove()


def periods_of(settings: Settings) -> Periods:
    """Return how many seconds the settings keep things."""
    one = settings.retention
    seconds = (None if each is None else each.total_seconds() for each in (one.runs, one.logs, one.ticks))
    runs, logs, ticks = seconds
    values = None if one.values is None else one.values.total_seconds()
    return Periods(runs=runs, logs=logs, ticks=ticks, values=values)


class _Pruning:
    """One look at what goes, and its removal."""

    def __init__(self, settings: Settings, instance: Instance, now: float) -> None:
        self._settings = settings
        self._instance = instance
        self._log: SqlLog = instance.log  # type: ignore[assignment]
        self._now = now
        self._periods = periods_of(settings)
        self._registered: set[str] = set()
        self._captured: set[str] = set()
        self._gone: set[str] = set()
        self._journal = _Journal(settings.state / "retention.json")
        self._done = Pruned(periods=asdict(self._periods))
        self._ask_registry()
        self._retention = Retention(
            self._periods,
            now,
            told=_told(settings, instance.log),
            settled=instance.log.position(DAEMON),
            living=instance.living(),
        )

    def ask(self) -> Pruned:
        self._measure(self._decide())
        return self._done

    def remove(self) -> Pruned:
        """Remove facts before the bytes that they name: what goes on with a run finds both or neither.

        A journal has the hashes, so that who dies in between leaves no bytes that nobody knows of.
        """
        from mlorch.storage import retention

        self._recover()
        removal = self._decide()
        self._measure(removal)
        retention.remove_facts(self._log, removal.facts)
        retention.remove_tick_names(self._log, removal.names_before, removal.names_kept)
        retention.remove_logs(self._log, removal.logs)
        if self._done.runs or self._done.values:
            self._note(removal)
        for _ in range(_ATTEMPTS):
            self._journal.write(removal.values)
            if self._remove_runs(removal.runs) and self._remove_values(removal):
                self._journal.write([one for one in removal.values if self._is_there(one)])
                break
            # A run has begun since, and may go on with one that was to go.
            removal = self._decide()
        return self._done

    def _ask_registry(self) -> None:
        """Learn what is registered; where nobody can say, no run and no value goes."""
        if not self._is_whole:
            return
        store = store_of(self._settings)
        if not self._settings.mlflow.enabled and not self._log.position(store.follower):
            return
        try:
            self._registered = registered(store)
        except Exception as error:  # noqa: BLE001 - whatever it is, what can't be known is kept
            why = " ".join(str(error).split())[:300] or type(error).__name__
            self._done.postponed = f"the model registry can't be asked what it needs: {why}"
            self._periods = Periods(logs=self._periods.logs, ticks=self._periods.ticks)

    def _decide(self) -> Removal:
        from mlorch.storage import retention

        kinds = self._periods.kinds
        while records := self._log.read(self._retention.seen, kinds=kinds, limit=_PAGE):
            for record in records:
                self._retention.learn(record)
        if self._periods.logs is not None and not self._captured:
            self._captured = retention.captured_runs(self._log, self._now - self._periods.logs)
        left = self._journal.read() if self._is_whole else ()
        return self._retention.decide(self._registered, self._captured, left)

    @property
    def _is_whole(self) -> bool:
        """Tell whether runs or values go, so that all facts of both are learned."""
        return (self._periods.runs, self._periods.values) != (None, None)

    def _measure(self, removal: Removal) -> None:
        """Say how much goes."""
        from mlorch.storage import retention

        done = self._done
        sizes = (
            retention.size_of_runs(self._log, removal.runs),
            retention.size_of_logs(self._log, removal.logs),
            retention.size_of_facts(self._log, removal.facts),
        )
        done.runs, done.logs, done.ticks = len(removal.runs), len(removal.logs), len(removal.facts)
        done.facts = sum(one.rows for one in sizes)
        done.log_bytes = sum(one.bytes for one in sizes)
        for name in self._names(removal):
            found = self._remove(name, self._untouched(removal), only_ask=True)
            if found is not None:
                done.values += 1
                done.value_bytes += 0 if found.is_shared else found.size
                done.dvc_bytes += found.size if found.is_shared else 0

    def _remove_runs(self, runs: Collection[str]) -> bool:
        from mlorch.storage import retention

        left = [one for one in runs if one not in self._gone]
        gone = retention.remove_runs(self._log, left, self._retention.seen)
        self._gone.update(left[:gone])
        return gone == len(left)

    def _remove_values(self, removal: Removal) -> bool:
        """Remove bytes; False where a run has begun meanwhile, so that it has to be decided anew."""
        begun = {RunQueued.kind, RunStarted.kind}
        for number, name in enumerate([*self._names(removal), ""]):
            if number % _FEW == 0 and self._log.read(self._retention.seen, kinds=begun, limit=1):
                return False
            if name:
                self._remove(name, self._untouched(removal))
        for run_id in removal.outputs:
            shutil.rmtree(self._settings.state / "outputs" / run_id, ignore_errors=True)
        return True

    def _is_there(self, name: str) -> bool:
        """Tell whether bytes that go are too young to go now, though nothing may name them any more."""
        return self._remove(name, float("inf"), only_ask=True) is not None

    def _remove(self, name: str, before: float, *, only_ask: bool = False) -> Removed | None:
        # Where assets are kept behind a URL, what ops pass on is kept on the disk nevertheless.
        found = self._instance.store.remove(name, before, only_ask=only_ask)
        return found or self._instance.outputs.remove(name, before, only_ask=only_ask)

    def _names(self, removal: Removal) -> Iterator[str]:
        """Yield the hashes of what goes, and of descriptions of directories."""
        yield from sorted(removal.values)
        if removal.values_before is not None:
            yield from old_manifests(self._settings.project, removal.values_before)

    def _untouched(self, removal: Removal) -> float:
        """Return since when bytes that go must not have been written: a run may be about to record them."""
        known = (removal.values_before, removal.runs_before)
        return min([self._now - GRACE, *(one for one in known if one is not None)])

    def _note(self, removal: Removal) -> None:
        """Record what goes, so that whoever looks for it later is told why it is gone."""
        before = last_applied(self._log)
        fact = RetentionApplied(
            at=self._now,
            runs_gone=len(removal.runs),
            values_gone=self._done.values,
            runs_before=_later(removal.runs and removal.runs_before, before and before.runs_before),
            values_before=_later(removal.values_before, before and before.values_before),
        )
        self._log.append([fact])

    def _recover(self) -> None:
        from mlorch.iomanagers.removing import recover

        recover(self._settings.state / "objects" / "md5")


_PAGE = 2_000
_FEW = 100
_ATTEMPTS = 20


class _Journal:
    """The hashes of bytes that go, in a file, until they are gone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> set[str]:
        with suppress(OSError, ValueError):
            return set(json.loads(self._path.read_text()))
        return set()

    def write(self, hashes: Collection[str]) -> None:
        if not hashes:
            self._path.unlink(missing_ok=True)
            return
        beside = self._path.with_suffix(".tmp")
        beside.write_text(json.dumps(sorted(hashes)))
        beside.replace(self._path)


def _later(*times: Any) -> float | None:
    return max((one for one in times if one), default=None)


def _told(settings: Settings, log: EventLog) -> Iterator[Told]:
    """Yield how far those are who are told what happens."""
    if settings.mlflow.enabled:
        yield Told(log.position(store_of(settings).follower), {one.kind for one in TOLD})
    if settings.dvc.enabled and (settings.project / ".dvc").is_dir():
        yield Told(log.position(DVC), {AssetMaterialized.kind})
    for name in notifier_names(settings):
        yield Told(log.position(follower_of(name)), set(NOTICED))


def main() -> int:
    """Prune a project as this process; say on standard output what went; return the exit code."""
    os.nice(10)
    settings = read_settings(Path(sys.argv[1]))
    with Instance.of(settings) as instance:
        try:
            done = prune(settings, instance, time.time())
        except BusyError:
            return 0
    print(json.dumps(done.to_json()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
