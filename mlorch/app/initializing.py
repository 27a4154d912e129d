"""The verb init: make a folder a project of mlorch, changing nothing that is there."""

from __future__ import annotations

import tomllib
from pathlib import Path

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
        with Instance.of(read_settings(folder)):
            done.append(".mlorch/ holds the log")
    except PermissionError as error:
        raise StorageError(f"{error.filename or folder} can't be written: no permission") from None
    done.append(init_dvc(folder))
    return [line for line in done if line]


def _write_project(folder: Path, definitions: str | None) -> list[str]:
    path = folder / "pyproject.toml"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfigError(f"{path} is no valid TOML: {error}") from None
    if "mlorch" in document.get("tool", {}):
        return []
    done = []
    module = definitions or "definitions.py"
    if definitions is None and not (folder / module).exists():
        (folder / module).write_text(STARTER, encoding="utf-8")
        done.append(f"{module} declares two small assets to start from")
    gap = "\n" if text and not text.endswith("\n\n") else ""
    path.write_text(f'{text}{gap}[tool.mlorch]\ndefinitions = "{module}"\n', encoding="utf-8")
    return [*done, "pyproject.toml has [tool.mlorch]"]


def _write_ignores(folder: Path) -> list[str]:
    done = []
    for name, lines in (
        (".gitignore", ["/.mlorch/", ".*.tmp"]),
        (".dvcignore", ["/.mlorch/", ".*.tmp"]),
        ("mlruns/.gitignore", ["*", "!.gitignore"]),
    ):
        path = folder / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        missing = [line for line in lines if line not in text.splitlines()]
        if missing:
            path.parent.mkdir(exist_ok=True)
            gap = "\n" if text and not text.endswith("\n") else ""
            path.write_text(text + gap + "\n".join(missing) + "\n", encoding="utf-8")
            done.append(f"{name} keeps local state out of git")
    return done
