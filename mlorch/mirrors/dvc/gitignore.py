"""Keep what DVC tracks out of git, as DVC does it: a line in the `.gitignore` beside it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mlorch.mirrors.dvc.repository import replace


def ignore(project: Path, paths: Sequence[str]) -> None:
    """Add each path of the project that git does not ignore yet to the `.gitignore` of its folder."""
    wanted: dict[Path, list[str]] = {}
    known: dict[Path, str] = {}
    for path in paths:
        file = (project / path).with_name(".gitignore")
        if file not in known:
            known[file] = file.read_text() if file.exists() else ""
        if _line(path) not in known[file].splitlines():
            wanted.setdefault(file, []).append(path)
    done = ignored(project, [path for missing in wanted.values() for path in missing])
    for file, missing in wanted.items():
        lines = [_line(path) for path in missing if path not in done]
        if lines:
            text = known[file]
            between = "" if not text or text.endswith("\n") else "\n"
            replace(file, "".join([text, between, *(f"{line}\n" for line in lines)]).encode())


def ignored(project: Path, paths: Sequence[str]) -> set[str]:
    """Return which paths git ignores by whatever rule; none where git can't be asked."""
    if not paths:
        return set()
    try:
        done = subprocess.run(
            ["git", "check-ignore", "--stdin", "-z"],
            cwd=project, input="\0".join(paths), capture_output=True, text=True, check=False, timeout=10,
        )  # fmt: skip
    except OSError:
        return set()
    return set(filter(None, done.stdout.split("\0")))


def _line(path: str) -> str:
    name = path.rpartition("/")[2]
    return "/" + re.sub(r"([\[\]!*#?])", r"\\\1", name)
