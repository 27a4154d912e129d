"""Removing what is kept by its hash, while others may write the same bytes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from mlorch.definitions.io import Removed

_ASIDE = ".removed"


def remove_object(path: str, before: float, *, only_ask: bool = False) -> Removed | None:
    """Remove an object that nobody wrote or touched since `before`; return what went.

    It is first set aside. Whoever writes the same bytes touches the object before that, which is seen then,
    or finds none and writes one.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    if found.st_mtime >= before:
        return None
    if not only_ask:
        aside = f"{path}{_ASIDE}"
        try:
            os.rename(path, aside)
        except FileNotFoundError:
            return None
        if os.stat(aside).st_mtime >= before:
            _put_back(aside)
            return None
        os.unlink(aside)
    return Removed(found.st_size, found.st_nlink > 1)


def recover(objects: Path) -> None:
    """Put back what a process that died in the middle of removing had set aside."""
    for aside in objects.glob(f"??/*{_ASIDE}"):
        _put_back(str(aside))


def _put_back(aside: str) -> None:
    with suppress(FileNotFoundError, FileExistsError):
        os.link(aside, aside.removesuffix(_ASIDE))
    with suppress(FileNotFoundError):
        os.unlink(aside)
