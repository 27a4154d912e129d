"""The verb init: make a folder a project of mlorch, changing nothing that is there."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from mlorch.errors import InvalidConfigError, StorageError
from mlorch.instance import Instance
from mlorch.mirrors.dvc.init import init_dvc
from mlorch.settings import read_settings

STARTER = '''"""What this project declares; `mlorch materialize` makes it."""

from mlorch import Definitions, asset


@asset
def numbers() -> list[int]:
    """The first asset: its return value is kept under data/."""
    return [1, 2, 3]


@asset
def total(numbers: list[int]) -> int:
    """Reads `numbers`, as its argument says."""
    return sum(numbers)


defs = Definitions(assets=[numbers, total])
'''


def initialize(folder: Path, definitions: str | None = None) -> list[str]:
    """Add what is missing for a project; return a line for each thing done.

    Raises InvalidConfigError where pyproject.toml can't be read, StorageError where it can't be written.
    """
    try:
        done = [*_write_project(folder, definitions), *_write_ignores(folder)]
        settings = read_settings(folder)
        is_new = not settings.state.exists()
        with Instance.of(settings):
            done += [".mlorch/ holds the log"] if is_new and settings.state.exists() else []
    except OSError as error:
        raise StorageError(f"{error.filename or folder} can't be written: {error.strerror}") from None
    done.append(init_dvc(folder))
    return [line for line in done if line]


def _write_project(folder: Path, definitions: str | None) -> list[str]:
    path = folder / "pyproject.toml"
    text = _text(path)
    tool = _parsed(text, path, "is no valid TOML").get("tool")
    if isinstance(tool, dict) and "mlorch" in tool:
        return []
    module = definitions or "definitions.py"
    gap = "\n" if text and not text.endswith("\n\n") else ""
    grown = f"{text}{gap}[tool.mlorch]\ndefinitions = {json.dumps(module)}\n"
    _parsed(grown, path, "can't take another table [tool.mlorch] as it is written")
    done = []
    if definitions is None and not (folder / module).exists():
        (folder / module).write_text(STARTER, encoding="utf-8")
        done.append(f"{module} declares two small assets to start from")
    path.write_text(grown, encoding="utf-8")
    return [*done, "pyproject.toml has [tool.mlorch]"]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except UnicodeDecodeError as error:
        raise InvalidConfigError(f"{path} is no UTF-8 text: {error}") from None


def _parsed(text: str, path: Path, what: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfigError(f"{path} {what}: {error}") from None


def _write_ignores(folder: Path) -> list[str]:
    done = []
    for name, lines in (
        (".gitignore", ["/.mlorch/", ".*.tmp"]),
        (".dvcignore", ["/.mlorch/", ".*.tmp"]),
        ("mlruns/.gitignore", ["*", "!.gitignore"]),
    ):
        path = folder / name
        text = _text(path)
        missing = [line for line in lines if line not in text.splitlines()]
        if missing:
            path.parent.mkdir(exist_ok=True)
            gap = "\n" if text and not text.endswith("\n") else ""
            path.write_text(text + gap + "\n".join(missing) + "\n", encoding="utf-8")
            done.append(f"{name} keeps local state out of git")
    return done
