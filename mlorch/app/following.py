"""The process beside a command that tells MLflow, DVC and people what happens.

`python -m mlorch.app.following FOLDER SINCE [--again]` follows the log of the project in FOLDER while its
standard input is open; SINCE (seconds since the epoch) is when the command began. Then it tells what is left,
reports on standard output, one JSON object a line, and exits: 0 where all was told, 1 where something waits.
`--again` hands over the whole log, whatever was told before.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mlorch.app.holding import holding
from mlorch.app.mirroring import DVC, store_of
from mlorch.app.notifying import notices_of
from mlorch.errors import BusyError
from mlorch.events import AssetMaterialized
from mlorch.instance import Instance
from mlorch.log import EventLog, Record, follow
from mlorch.mirrors.dvc import DvcMirror
from mlorch.mirrors.mlflow import TOLD, MlflowMirror, MlflowStore
from mlorch.settings import Settings, read_settings

if TYPE_CHECKING:
    from mlorch.mirrors.dvc.stages import Defined

Tell = Callable[..., None]

_MADE = (AssetMaterialized.kind,)
_TOLD = tuple(one.kind for one in TOLD)
_BATCH = 20
_TURN = (":mirror", None)
_LOOK = 0.1
_PATIENCE = 15.0


class Follower(Protocol):
    """Tells one tool what the log says."""

    name: str
    every: float
    """Seconds from one telling to the next."""
    what: str
    """What it counts: "materializations" or "notices"."""

    def has_news(self) -> bool:
        """Say whether there is something to tell, without asking the tool."""

    def waiting(self) -> int:
        """Count what was not told."""

    def drain(self, told: Callable[[int], None]) -> list[str]:
        """Tell everything, and `told` how much that was so far; return lines for people.

        Raises whatever the tool raises where it can't be reached.
        """


class Mlflow:
    """Tells MLflow, fact by fact; with `again` once from the beginning of the log."""

    name = "MLflow"
    every = 0.0
    what = "materializations"

    def __init__(self, store: MlflowStore, instance: Instance, *, again: bool = False) -> None:
        self._log = instance.log
        self._follower = store.follower
        self._mirror = MlflowMirror(store, instance.log, instance.store)
        self._again = again

    def has_news(self) -> bool:
        return self._again or bool(self._log.read(self._position(), kinds=_TOLD, limit=1))

    def waiting(self) -> int:
        return len(self._log.read(self._position(), kinds=_MADE))

    def drain(self, told: Callable[[int], None]) -> list[str]:
        done = 0

        def handle(records: Sequence[Record]) -> None:
            nonlocal done
            self._mirror.handle(records)
            done += sum(isinstance(record.event, AssetMaterialized) for record in records)
            told(done)

        if self._again:
            _hand_over(self._log, handle)
            self._again = False
        for _ in follow(self._log, self._follower, handle, batch=_BATCH):
            pass
        problems, self._mirror.problems = self._mirror.problems, []
        return [f"MLflow refused {problem}" for problem in problems]

    def _position(self) -> int:
        return 0 if self._again else self._log.position(self._follower)


class Dvc:
    """Tells DVC, all at once; what the code declares now is read from the project when it is first needed."""

    name = "DVC"
    every = 5.0
    what = "materializations"

    def __init__(self, settings: Settings, instance: Instance, *, again: bool = False) -> None:
        self._settings = settings
        self._log = instance.log
        self._mirror: DvcMirror | None = None
        self._again = again

    def has_news(self) -> bool:
        return self._again or self._newest() > self._log.position(DVC)

    def waiting(self) -> int:
        return len(self._log.read(self._log.position(DVC), kinds=_MADE))

    def drain(self, told: Callable[[int], None]) -> list[str]:
        newest, waiting = self._newest(), self.waiting()
        if self._mirror is None:
            is_on = (self._settings.project / ".dvc").is_dir()
            defined = _declared(self._settings) if is_on else None
            self._mirror = DvcMirror(self._settings.project, self._log, defined=defined)
        report = self._mirror.flush()
        if report.state == "pending":
            raise BusyError(report.message)
        if report.state == "off":
            return [report.message]
        self._log.advance(DVC, newest)
        self._again = False
        told(waiting)
        return []

    def _newest(self) -> int:
        found = self._log.read(kinds=_MADE, limit=1, newest_first=True)
        return found[0].seq if found else 0


class Following:
    """Tells each follower what happens until the command is over, then what is left.

    `is_over` waits up to the seconds given; `pauses` are the first and the longest, in seconds, after which a
    tool that can't be reached is tried again.
    """

    def __init__(
        self,
        followers: Sequence[Follower],
        tell: Tell,
        is_over: Callable[[float], bool],
        *,
        pauses: tuple[float, float] = (5.0, 600.0),
    ) -> None:
        self._followers = followers
        self._tell = tell
        self._is_over = is_over
        self._first_pause, self._longest_pause = pauses
        self._due = {follower.name: 0.0 for follower in followers}
        self._pause = dict.fromkeys(self._due, self._first_pause)
        self._lines: dict[str, None] = {}

    def run(self, turn: Callable[[], AbstractContextManager[object]]) -> bool:
        """Follow until the command is over and all was told, or can't be; report; return whether all was.

        `turn` raises BusyError while another process tells; it tells ours too, as far as it gets.
        """
        give_up = float("inf")
        while True:
            try:
                with turn():
                    self._until_over()
                    return self._report(self._finish())
            except BusyError as error:
                if not self._is_over(_LOOK):
                    continue
                give_up = min(give_up, time.monotonic() + _PATIENCE)
                if not any(follower.has_news() for follower in self._followers):
                    return self._report({})
                if time.monotonic() > give_up:
                    return self._report({follower.name: str(error) for follower in self._followers})
                time.sleep(_LOOK)

    def _until_over(self) -> None:
        """Tell what happens as it happens; what can't be reached is tried again, ever more rarely."""
        while not self._is_over(_LOOK):
            for follower in self._followers:
                if time.monotonic() >= self._due[follower.name] and follower.has_news():
                    self._try(follower, lambda _: None)

    def _finish(self) -> dict[str, str]:
        """Try each follower once more, however long it was to wait; return by name what stood in the way."""
        errors = {}
        for follower in self._followers:
            if follower.has_news():
                errors[follower.name] = self._try(follower, self._progress(follower))
        return {name: error for name, error in errors.items() if error}

    def _progress(self, follower: Follower) -> Callable[[int], None]:
        name, total = follower.name, follower.waiting()

        def told(done: int) -> None:
            self._tell(mirror=name, done=done, of=total, what=follower.what)

        told(0)
        return told

    def _try(self, follower: Follower, told: Callable[[int], None]) -> str:
        """Tell one; return why that could not be, or ""."""
        name = follower.name
        done = 0

        def telling(count: int) -> None:
            nonlocal done
            done = count
            told(count)

        try:
            self._lines.update(dict.fromkeys(follower.drain(telling)))
        except Exception as error:  # noqa: BLE001 - whatever one tool does, the other is told
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            # Who takes a part at a time has not gone away.
            pause = self._first_pause if done else self._pause[name]
            self._due[name] = time.monotonic() + pause
            self._pause[name] = min(2 * pause, self._longest_pause)
            return " ".join(str(error).split())[:300] or type(error).__name__
        self._due[name] = time.monotonic() + follower.every
        self._pause[name] = self._first_pause
        return ""

    def _report(self, errors: dict[str, str]) -> bool:
        for follower in self._followers:
            error = errors.get(follower.name)
            if error:
                count = f"{follower.waiting():,} {follower.what} wait for `mlorch mirror`"
                self._lines[f"{follower.name}: {error}; {count}"] = None
        self._tell(lines=list(self._lines))
        return not errors


def main() -> int:
    """Follow a project's log as this process; return the exit code."""
    tell = _take_over_output()
    os.nice(10)  # the command comes first
    folder, since, *flags = sys.argv[1:]
    settings = read_settings(Path(folder))
    # The classes of a model may be the project's.
    sys.path += [str(settings.project), str(settings.project / "src")]
    with Instance.of(settings) as instance:
        followers = followers_of(settings, instance, since=float(since), again="--again" in flags)
        following = Following(followers, tell, _is_over)
        return 0 if following.run(lambda: _turn(instance)) else 1


def followers_of(
    settings: Settings, instance: Instance, *, since: float, again: bool = False
) -> list[Follower]:
    """Return those that the settings turn on; `since` is when the work began that they are to tell of.

    With `again`, MLflow and DVC are told everything once more; people are not.
    """
    found: list[Follower] = []
    if settings.mlflow.enabled:
        found.append(Mlflow(store_of(settings), instance, again=again))
    if settings.dvc.enabled:
        found.append(Dvc(settings, instance, again=again))
    return [*found, *notices_of(settings, instance.log, since)]


def _turn(instance: Instance) -> AbstractContextManager[object]:
    if instance.leases is None:
        return nullcontext()
    return holding(instance.leases, [_TURN], f"mirror-{os.getpid()}", 0, lambda _: None)


def _hand_over(log: EventLog, handle: Callable[[Sequence[Record]], None]) -> None:
    after = 0
    while records := log.read(after, limit=_BATCH):
        handle(records)
        after = records[-1].seq


def _declared(settings: Settings) -> Defined | None:
    """Return the code version that each asset has now, or None where the project does not load."""
    from mlorch.app.opening import load_definitions
    from mlorch.errors import MlorchError
    from mlorch.planning.versions import Declarations

    try:
        graph = load_definitions(settings).graph
    except MlorchError as error:
        print(error, file=sys.stderr, flush=True)
        return None
    declarations = Declarations(graph, auto=settings.code_version == "auto")
    return {key: declarations[key].code_version for key in graph.nodes}


def _is_over(seconds: float) -> bool:
    """Say whether the command is over: it closed its end of our input, within the time given or before."""
    ready, _, _ = select.select([sys.stdin.fileno()], [], [], seconds)
    return bool(ready) and not os.read(sys.stdin.fileno(), 1_024)


def _take_over_output() -> Tell:
    """Keep standard output for reports: what anybody prints goes where errors go."""
    output = os.dup(1)
    os.dup2(2, 1)

    def tell(**fields: object) -> None:
        try:
            os.write(output, f"{json.dumps(fields)}\n".encode())
        except OSError:
            # Nobody waits for us any more.
            return

    return tell


if __name__ == "__main__":
    sys.exit(main())
