"""Begin a DVC repository where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mlorch.errors import StorageError
from mlorch.mirrors.dvc.gitignore import ignored

_QUIET = "[core]\n    analytics = false\n"

_IGNORED = """\
# What DVC leaves alone: https://dvc.org/doc/user-guide/dvcignore
/.mlorch/
# A value that a killed process was writing.
.*.tmp
"""


def init_dvc(project: Path) -> str:
    """Run `dvc init` as the project's place in git asks for; return a line on what was done.

    Analytics are off, for this checkout alone. Raises StorageError with what DVC says where it refuses.
    """
    if (project / ".dvc").is_dir():
        return "DVC is there already"
    option, why = _option(project)
    if not (project / ".dvcignore").exists():
        (project / ".dvcignore").write_text(_IGNORED)
    done = subprocess.run(
        # -P: a folder of the project that is called like a module hides none.
        [sys.executable, "-P", "-m", "dvc", "init", "--quiet", *option],
        cwd=project,
        env={**os.environ, "DVC_NO_ANALYTICS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise StorageError(f"`dvc init` failed in {project}: {done.stderr.strip() or done.stdout.strip()}")
    (project / ".dvc" / "config.local").write_text(_QUIET)
    return f"Began a DVC repository ({' '.join(['dvc init', *option])}: {why})"


def _option(project: Path) -> tuple[list[str], str]:
    """Return the option of `dvc init`, and why."""
    if not any((folder / ".git").exists() for folder in (project, *project.absolute().parents)):
        return ["--no-scm"], "no git repository"
    if ignored(project, [".dvc"]):
        return ["--no-scm"], "git ignores this folder"
    if (project / ".git").exists():
        return [], "beside git"
    return ["--subdir"], "inside a git repository"
