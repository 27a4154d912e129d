"""Telling MLflow, DVC and people, from the side of the command: a process that does it beside the work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from mlorch.app.notifying import notices_waiting, notifier_names
from mlorch.errors import NotFoundError
from mlorch.events import AssetMaterialized
from mlorch.mirrors.mlflow import MlflowStore, materialization_in

if TYPE_CHECKING:
    from mlorch.log import EventLog
    from mlorch.settings import Settings

Tell = Callable[[str], None]

DVC = "dvc"
"""The name under which the log keeps DVC's position."""

_LOG = "mirror.log"
_LOG_SIZE = 1_000_000
_BETWEEN_LINES = 5.0


class Mirroring:
    """The process beside a command, as the command sees it."""

    def __init__(self) -> None:
        self.is_complete = True
        """False where something waits to be told, after the command was over."""


@contextmanager
def mirroring(settings: Settings, *, wait: bool, tell: Tell, again: bool = False) -> Iterator[Mirroring]:
    """Have what happens within the block told to MLflow, DVC and people by a process of its own.

    After the block, wait until it has told everything, with a line now and then; without `wait`, where the
    block raises, or when interrupted, it goes on in the background. Raises InvalidConfigError for a store
    that can't be one; whatever else goes wrong only delays what is told.
    """
    state = Mirroring()
    if not is_told(settings):
        yield state
        return
    if settings.mlflow.enabled:
        store_of(settings)
    try:
        process = follow_beside(settings, again=again)
    except OSError as error:
        tell(f"nobody is told now: {error}; `mlorch mirror` catches up")
        state.is_complete = False
        yield state
        return
    try:
        yield state
    except BaseException:
        _leave(process)
        raise
    if wait:
        state.is_complete = _wait(process, tell, settings.state / _LOG)
    else:
        _leave(process)


def mirror_now(settings: Settings, tell: Tell, *, again: bool = False) -> bool:
    """Tell MLflow and DVC what they do not know, or everything again; return whether that was possible."""
    with mirroring(settings, wait=True, tell=tell, again=again) as state:
        pass
    return state.is_complete


COUNTED = 1_000
"""What waits; to count more takes noticeably long."""


class Waiting(NamedTuple):
    """What one of those who are told does not know yet."""

    untold: int
    """Counted no further than COUNTED."""
    what: str
    """"materializations" or "notices"."""

    def __str__(self) -> str:
        return f"{self.untold:,} {self.what}{' or more' if self.untold >= COUNTED else ''}"


def waiting(settings: Settings, log: EventLog) -> dict[str, Waiting]:
    """Return by tool, or by notifier, how much waits to be told."""
    positions = {}
    if settings.mlflow.enabled:
        positions["MLflow"] = log.position(store_of(settings).follower)
    if settings.dvc.enabled and (settings.project / ".dvc").is_dir():
        positions["DVC"] = log.position(DVC)
    kinds = (AssetMaterialized.kind,)
    found = {
        name: Waiting(len(log.read(position, kinds=kinds, limit=COUNTED)), "materializations")
        for name, position in positions.items()
    }
    for name, count in notices_waiting(settings, log, COUNTED).items():
        found[name] = Waiting(count, "notices")
    return found


def mirrors_of(settings: Settings) -> str:
    """Return the names of those who are told, as people say them; "" where nobody is."""
    has_dvc = settings.dvc.enabled and (settings.project / ".dvc").is_dir()
    names = [*(["MLflow"] if settings.mlflow.enabled else []), *(["DVC"] if has_dvc else [])]
    names += notifier_names(settings)
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), *names[-1:]])


def store_of(settings: Settings) -> MlflowStore:
    """Return the MLflow store of a project. Raises InvalidConfigError where it can't be one."""
    return MlflowStore(
        project=settings.name,
        folder=settings.project,
        tracking_uri=settings.mlflow.tracking_uri,
        storage_url=settings.storage_url,
    )


def materialization_of(mlflow_run: str, settings: Settings | None = None) -> tuple[str, str]:
    """Return run id and "asset[partition]" of what a run of MLflow shows; the project's MLflow by default.

    Raises NotFoundError where MLflow has no such run, or where mlorch did not make it.
    """
    from mlorch.settings import read_settings

    found = materialization_in(store_of(settings or read_settings()), mlflow_run)
    run_id, colon, name = (found or "").partition(":")
    if not colon:
        raise NotFoundError(
            f"the MLflow run {mlflow_run!r} shows no materialization; take the run of an asset"
        )
    return run_id, name


def is_told(settings: Settings) -> bool:
    """Tell whether there is anybody who is told what happens."""
    return settings.mlflow.enabled or settings.dvc.enabled or settings.notifications.is_on


def follow_beside(
    settings: Settings, *, again: bool = False, since: float | None = None, is_silent: bool = False
) -> subprocess.Popen[bytes]:
    """Start the process that tells others what happens, as long as its standard input is open.

    `since` is when the work began that it is to tell people of, by default now. Raises OSError.
    """
    command = [sys.executable, "-P", "-W", "ignore", "-m", "mlorch.app.following"]
    command += [str(settings.project), repr(time.time() if since is None else since)]
    with _open_log(settings.state / _LOG) as errors:
        return subprocess.Popen(
            command + (["--again"] if again else []),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL if is_silent else subprocess.PIPE,
            stderr=errors,
            cwd=settings.project,
            # Ctrl-C ends the command; what was made until then is still told.
            start_new_session=True,
        )


def _open_log(path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(exist_ok=True)
        is_long = path.exists() and path.stat().st_size > _LOG_SIZE
        return path.open("wb" if is_long else "ab")
    except OSError:
        return open(os.devnull, "wb")


def _leave(process: subprocess.Popen[bytes]) -> None:
    """Let the process end by itself, and nobody wait for it but a thread that dies with us."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    threading.Thread(target=process.wait, daemon=True).start()


def _wait(process: subprocess.Popen[bytes], tell: Tell, log: Path) -> bool:
    """Wait until the process has told everything; say so now and then; return whether it could."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    show = _Progress(tell)
    is_reported = False
    try:
        for line in process.stdout:
            report: dict[str, Any] = json.loads(line)
            for text in report.get("lines", ()):
                tell(text)
            is_reported = is_reported or "lines" in report
            show(report)
        code = process.wait()
    except KeyboardInterrupt:
        tell("the rest is told in the background")
        _leave(process)
        return False
    process.stdout.close()
    if not is_reported:
        tell(f"not everything was told (see {log}); `mlorch mirror` catches up")
    return code == 0


class _Progress:
    """Says how far it is: at once where there is something to wait for, then every few seconds."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._next = 0.0

    def __call__(self, report: dict[str, Any]) -> None:
        if report.get("of") and time.monotonic() >= self._next:
            self._tell(f"telling {report['mirror']}: {report['done']} of {report['of']} {report['what']}")
            self._next = time.monotonic() + _BETWEEN_LINES
