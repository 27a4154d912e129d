"""The directories that mlorch described to DVC, and which of these descriptions nobody needs any more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mlorch.mirrors.dvc.repository import OBJECTS

_NAMED = re.compile(r"\b[0-9a-f]{32}\.dir\b")


def old_manifests(project: Path, before: float) -> Iterator[str]:
    """Yield "<md5>.dir" of what no `dvc.lock` of the project names now, and was written before a time.

    What git has of other times is in DVC's own cache, with the rest of what it names.
    """
    named: set[str] = set()
    for lock in (project / "dvc.lock", project / "dvc" / "dvc.lock"):
        if lock.exists():
            named.update(_NAMED.findall(lock.read_text()))
    for path in (project / OBJECTS).glob("??/*.dir"):
        name = f"{path.parent.name}{path.name}"
        if name not in named and path.stat().st_mtime < before:
            yield name
