"""Where the project ends: what is installed is other people's, unless the function itself is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlorch.planning.fingerprint.projects import file_of, is_namespace

FingerprintOf = Callable[..., str]

LIBRARY = "def g():\n    return 1\n"
ASSETS = "from library import g\ndef f(): return g()"
PATH = ("src", "lib/site-packages", "lib/dist-packages")


@pytest.mark.parametrize("folder", ["lib/site-packages", "lib/dist-packages"])
def test_what_is_installed_is_not_followed(fingerprint_of: FingerprintOf, folder: str) -> None:
    files = {"src/assets.py": ASSETS, f"{folder}/library.py": LIBRARY}
    changed = {**files, f"{folder}/library.py": LIBRARY.replace("1", "2")}
    assert fingerprint_of(files, path=PATH) == fingerprint_of(changed, path=PATH)


def test_a_library_that_is_not_installed_is_followed(fingerprint_of: FingerprintOf) -> None:
    files = {"src/assets.py": ASSETS, "vendor/library.py": LIBRARY}
    changed = {**files, "vendor/library.py": LIBRARY.replace("1", "2")}
    path = ("src", "vendor")
    assert fingerprint_of(files, path=path) != fingerprint_of(changed, path=path)


def test_an_installed_project_says_what_its_checkout_says(fingerprint_of: FingerprintOf) -> None:
    project = {
        "p/__init__.py": "",
        "p/assets.py": "from p.helpers import g\ndef f(): return g()",
        "p/helpers.py": LIBRARY,
    }
    checkout = {f"src/{path}": text for path, text in project.items()}
    installed = {f"lib/site-packages/{path}": text for path, text in project.items()}
    changed = {**installed, "lib/site-packages/p/helpers.py": LIBRARY.replace("1", "2")}
    before = fingerprint_of(checkout, "p.assets:f", PATH)
    assert (
        before == fingerprint_of(installed, "p.assets:f", PATH) != fingerprint_of(changed, "p.assets:f", PATH)
    )


def test_a_decorator_of_others_hides_nothing(fingerprint_of: FingerprintOf) -> None:
    """Whether it keeps `__wrapped__` or only the closure."""
    library = """
from functools import wraps
def open_(g): return wraps(g)(lambda: g())
def closed(g): return lambda: g()
"""
    for name in ("open_", "closed"):
        files = {
            "src/assets.py": f"from library import {name} as d\n@d\ndef f(): return 1",
            "lib/site-packages/library.py": library,
        }
        changed = {**files, "src/assets.py": files["src/assets.py"].replace("1", "2")}
        assert fingerprint_of(files, path=PATH) != fingerprint_of(changed, path=PATH), name


def test_a_virtual_environment_in_the_project_is_not_the_project(fingerprint_of: FingerprintOf) -> None:
    files = {"assets.py": ASSETS, ".venv/lib/python3/site-packages/library.py": LIBRARY}
    changed = {**files, ".venv/lib/python3/site-packages/library.py": LIBRARY.replace("1", "2")}
    path = ("", ".venv/lib/python3/site-packages")
    assert fingerprint_of(files, path=path) == fingerprint_of(changed, path=path)


def test_modules_are_found_in_packages_without_a_file_that_nobody_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "unseen_outer" / "inner" / "side.py"
    file.parent.mkdir(parents=True)
    file.touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert file_of("unseen_outer.inner.side") == str(file)
    assert file_of("unseen_outer.inner") is None
    assert is_namespace("unseen_outer.inner")
    assert not is_namespace("unseen_outer.inner.side")
    assert file_of("unseen_outer.inner.nowhere") is None
    assert "unseen_outer" not in sys.modules
