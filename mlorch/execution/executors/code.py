"""Which files the user's imported modules came from, to tell workers that know them from those that don't."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping

Code = Mapping[str, tuple[str, int, int]]
"""By module: its file, when that was changed (nanoseconds) and its size (bytes)."""


def imported_code() -> Code:
    """Return the user's modules that this process has imported, as their files are now."""
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or _is_installed(file):
            continue
        try:
            state = os.stat(file)
        except OSError:
            continue
        found[name] = (file, state.st_mtime_ns, state.st_size)
    return found


def is_current(known: Code, now: Code) -> bool:
    """Whether a process that imported `known` has nothing older than `now` among it."""
    return all(now.get(name, state) == state for name, state in known.items())


def own_folders() -> list[str]:
    """Return the folders in which this process looks for modules, but for those of installed packages."""
    return [one for one in sys.path if os.path.isdir(one) and not _is_installed(one + os.sep)]


_INSTALLED = re.compile(r"[/\\](site|dist)-packages[/\\]")
_STANDARD = os.path.dirname(os.__file__) + os.sep
_MLORCH = os.path.dirname(os.path.dirname(os.path.dirname(__file__))) + os.sep


def _is_installed(path: str) -> bool:
    return path.startswith((_STANDARD, _MLORCH)) or _INSTALLED.search(path) is not None
