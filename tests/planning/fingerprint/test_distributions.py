"""Which distributions a function's modules import, and their versions."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from mlorch.planning.fingerprint import distributions_used, environment, fingerprint

Loaded = Callable[..., AbstractContextManager[Any]]
PATH = ("src", "lib/site-packages")
PYTHON = {"python": sys.version.split()[0]}


def versions(
    loaded: Loaded, files: dict[str, str], name: str = "assets:f", path: tuple[str, ...] = ("",)
) -> Any:
    with loaded(files, name, path) as function:
        return environment(function)


def test_real_distributions_under_their_own_names(loaded: Loaded) -> None:
    text = """
import json, os.path
import numpy as np
from mlorch import asset
def f():
    from sklearn.linear_model import Ridge
    import yaml, missing
    from dateutil.parser import parse
"""
    names = ["numpy", "python-dateutil", "pyyaml", "scikit-learn"]
    expected = {**PYTHON, **{name: importlib.metadata.version(name) for name in names}}
    found = versions(loaded, {"assets.py": text})
    assert found == expected
    assert list(found) == sorted(found)


def test_what_the_modules_behind_it_import_counts(loaded: Loaded) -> None:
    files = {
        "src/p/__init__.py": "",
        "src/p/assets.py": "from . import behind\nif True:\n    from p.again import x\ndef f(): ...",
        "src/p/behind.py": "import p.further\n",
        "src/p/further.py": "from p import assets\ntry:\n    import behind_one\nexcept ImportError: ...",
        "src/p/again.py": "x = 1\nimport behind_two.inner",
        "src/p/unused.py": "import behind_three",
        "lib/site-packages/behind_one.py": "",
        "lib/site-packages/behind_two/inner.py": "",
        "lib/site-packages/behind_three.py": "",
        "lib/site-packages/One_Behind-1.5.dist-info/RECORD": "behind_one.py,sha256=x,1\n",
        "lib/site-packages/two-2.0+cpu.dist-info/RECORD": "a.py,,\nbehind_two/inner.py,,\n",
        "lib/site-packages/other.two-3.0.dist-info/RECORD": "behind_two/other.py,,\n",
        "lib/site-packages/three-3.0.dist-info/RECORD": "behind_three.py,,\n",
    }
    assert versions(loaded, files, "p.assets:f", PATH) == {**PYTHON, "one-behind": "1.5", "two": "2.0+cpu"}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({"debian_a-1.2.egg-info/top_level.txt": "other\n{}\n"}, {"debian-a": "1.2"}),
        ({"{}-1.3.egg-info": "Name: whatever"}, {"{}": "1.3"}),
        ({"{}-1.4-py3.11.egg-info/PKG-INFO": ""}, {"{}": "1.4"}),
        ({"{}-9.dist-info/RECORD": "other.py,,", "real-1.5.dist-info/RECORD": "{}.py,,"}, {"real": "1.5"}),
        ({"real.dist-info/RECORD": "{}.py,,"}, {}),
        ({}, {}),
    ],
    ids=["top_level", "single file", "folder without a list", "name of another", "no version", "nothing"],
)
def test_other_ways_to_be_installed(
    loaded: Loaded, request: pytest.FixtureRequest, entries: dict[str, str], expected: dict[str, str]
) -> None:
    name = f"library{request.node.callspec.indices['entries']}"
    files = {f"lib/site-packages/{path.format(name)}": text.format(name) for path, text in entries.items()}
    files |= {"src/assets.py": f"import {name}\ndef f(): ...", f"lib/site-packages/{name}.py": ""}
    found = versions(loaded, files, path=PATH)
    assert found == {**PYTHON, **{key.format(name): version for key, version in expected.items()}}


def test_a_version_is_part_of_the_fingerprint_only_if_asked_for(loaded: Loaded) -> None:
    taken = []
    for version in ("1", "2"):
        name = f"versioned{version}"
        files = {
            "src/assets.py": f"try: import {name}\nfinally: ...\ndef f(): return 1",
            f"lib/site-packages/{name}.py": "",
            f"lib/site-packages/versioned-{version}.dist-info/RECORD": f"{name}.py,,",
        }
        with loaded(files, "assets:f", PATH) as function:
            assert distributions_used(function) == ("versioned",)
            taken.append((fingerprint(function), fingerprint(function, include_distributions=True)))
    assert taken[0][0] == taken[1][0] != taken[0][1] != taken[1][1]


def test_a_function_without_source_has_python() -> None:
    namespace: dict[str, Any] = {}
    exec("def f(): return 1", namespace)
    assert environment(namespace["f"]) == PYTHON
    assert environment(len) == PYTHON
