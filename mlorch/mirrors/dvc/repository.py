"""A DVC repository as the mirror touches it: its lock, its cache, its settings, and files replaced whole."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property
from pathlib import Path

from mlorch.errors import BusyError
from mlorch.events import Json

OBJECTS = ".mlorch/objects/md5"
"""Where every version of every value stays by its md5, below the project."""


class Repository:
    """The `.dvc` of a project."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.folder = project / ".dvc"

    @cached_property
    def cache(self) -> Path:
        """Where DVC keeps objects by their md5."""
        folder = os.path.expanduser(self._setting("cache", "dir") or "cache")
        return self.folder / folder / "files" / "md5"

    @property
    def is_ignoring(self) -> bool:
        """Tell whether DVC keeps what it tracks out of git."""
        has_git = any((folder / ".git").exists() for folder in (self.project, *self.project.parents))
        return has_git and not self._is_set("core", "no_scm")

    @contextmanager
    def locked(self, patience: float) -> Iterator[None]:
        """Hold DVC's own lock. Raises BusyError after `patience` seconds."""
        path = self.folder / "tmp" / "lock"
        path.parent.mkdir(exist_ok=True)
        if self._is_set("core", "hardlink_lock"):
            with _hardlinked(path, patience):
                yield
            return
        # The same call on the same file as DVC's default lock, which dies with its process.
        with path.open("a+") as file:
            _wait_for(file.fileno(), path, patience)
            yield

    def link(self, digest: str) -> bool:
        """Have an object in the cache, at no cost in space; return False where it was not kept."""
        name = f"{digest[:2]}/{digest[2:]}"
        cached = f"{self.cache}/{name}"
        if os.path.exists(cached):
            return True
        kept = f"{self.project}/{OBJECTS}/{name}"
        if not os.path.exists(kept):
            return False
        os.makedirs(os.path.dirname(cached), exist_ok=True)
        try:
            os.link(kept, cached)
        except FileExistsError:
            pass
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(kept, f"{cached}.tmp")
            os.replace(f"{cached}.tmp", cached)
            os.chmod(cached, 0o444)
        return True

    def keep(self, digest: str, content: bytes) -> None:
        """Keep an object of DVC's own, and have it in the cache."""
        path = self.project / OBJECTS / digest[:2] / digest[2:]
        if not path.exists():
            replace(path, content, mode=0o444)
        self.link(digest)

    def read_note(self) -> dict[str, Json]:
        """Return what `write_note` left; {} where there is nothing that can be read."""
        with suppress(OSError, ValueError):
            note = json.loads(self._note.read_bytes())
            if isinstance(note, dict) and self.cache.is_dir():
                return note
        return {}

    def write_note(self, note: dict[str, Json]) -> None:
        replace(self._note, json.dumps(note).encode())

    @property
    def _note(self) -> Path:
        return self.folder / "tmp" / "mlorch.json"

    def _is_set(self, section: str, name: str) -> bool:
        return self._setting(section, name).lower() in {"true", "1", "yes", "on"}

    def _setting(self, section: str, name: str) -> str:
        """Return a setting of the project (not of the user or the machine), "" where there is none."""
        return self._settings.get((section, name), "")

    @cached_property
    def _settings(self) -> dict[tuple[str, str], str]:
        found, section = {}, ""
        for file in ("config", "config.local"):
            path = self.folder / file
            for line in path.read_text().splitlines() if path.exists() else ():
                name, equals, value = line.partition("=")
                if line.lstrip().startswith("["):
                    section = line.strip().strip("[]").strip()
                elif equals:
                    found[section, name.strip().lower()] = value.strip().strip("\"'")
        return found


def replace(path: Path, content: bytes, *, mode: int | None = None) -> bool:
    """Replace a file at once by its new content; return False where it has that already.

    What a killed process leaves beside it has a fixed name, which the next one takes away.
    """
    with suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.tmp")
    with suppress(FileNotFoundError):
        beside.unlink()
    beside.write_bytes(content)
    if mode is not None:
        beside.chmod(mode)
    beside.replace(path)
    return True


def _wait_for(descriptor: int, path: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise _busy(path) from error
            time.sleep(0.02)
        else:
            return


@contextmanager
def _hardlinked(path: Path, patience: float) -> Iterator[None]:
    """Hold the lock that DVC takes where `core.hardlink_lock` is set, as on some network file systems."""
    from dvc.lock import HardlinkLock, LockError

    lock = HardlinkLock(str(path), tmp_dir=str(path.parent))
    try:
        lock.lock(timeout=timedelta(seconds=patience))
    except LockError as error:
        raise _busy(path) from error
    try:
        yield
    finally:
        lock.unlock()


def _busy(path: Path) -> BusyError:
    holder = path.read_text(errors="replace").split()
    who = f"process {holder[0]}" if holder and holder[0].isdigit() else "another process"
    return BusyError(f"DVC is busy: {who} holds {path}")
