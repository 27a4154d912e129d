"""The names that people import: as type checkers see them, as Python finds them, each when it is wanted."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import mlorch

STUB = Path(mlorch.__file__).with_suffix(".pyi").read_text(encoding="utf-8")


def seen_by_type_checkers() -> dict[str, str]:
    """The home of each name that the stub imports."""
    imports = [node for node in ast.parse(STUB).body if isinstance(node, ast.ImportFrom)]
    assert all(one.asname == one.name for node in imports for one in node.names), "re-exported for mypy"
    return {one.name: str(node.module) for node in imports for one in node.names}


def printed_by(program: str) -> list[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_type_checkers_see_the_names_that_there_are():
    assert sorted(seen_by_type_checkers()) == mlorch.__all__


@pytest.mark.parametrize("name", mlorch.__all__)
def test_a_name_is_what_its_home_has(name):
    home = import_module(seen_by_type_checkers()[name])
    assert getattr(mlorch, name) is getattr(home, name)


def test_an_unknown_name_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="module 'mlorch' has no attribute 'assets'"):
        mlorch.assets  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'assets' from 'mlorch'"):
        from mlorch import assets  # type: ignore[attr-defined]  # noqa: F401


def test_dir_lists_them_with_the_version():
    assert set(mlorch.__all__) <= set(dir(mlorch))
    assert "__version__" in dir(mlorch)


def test_a_module_is_imported_when_one_of_its_names_is_asked_for():
    loaded = "[one for one in sys.modules if one.startswith('mlorch')]"
    assert printed_by(f"import sys, mlorch; print(*{loaded})") == ["mlorch"]
    after = printed_by(f"import sys, mlorch; mlorch.AssetKey; print(*{loaded})")
    assert set(after) == {"mlorch", "mlorch.errors", "mlorch.definitions", "mlorch.definitions.keys"}


def test_everything_can_be_imported_at_once():
    names = printed_by("from mlorch import *; print(*[one for one in dir() if not one.startswith('_')])")
    assert names == mlorch.__all__
