"""The public names, across processes, folders and ways to start Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from mlorch import asset
from mlorch.planning.fingerprint import Fingerprints, fingerprint, source_of

Loaded = Callable[..., AbstractContextManager[Any]]
FingerprintOf = Callable[..., str]

ASSETS = """
from dataclasses import dataclass
from helpers import scale
from mlorch import asset

NAMES = {"a", "b", "c", "d"}

@dataclass
class Settings:
    names: frozenset = frozenset(NAMES)

def make(names):
    def made(x):
        print(__name__, __file__, __spec__)
        return scale(len(names)), Settings()
    return made

f = make({"x", "y", "z", ("p", 1)})

@asset(description="One.")
def g(f):
    return [name in {"u", "v", "w"} for name in NAMES]

lines = "def dynamic(x): return x in {'k', 'l', 'm'}"
exec(lines)

if __name__ == "__main__":
    import sys
    sys.path.insert(0, sys.argv[1])
    from mlorch.planning.fingerprint import fingerprint
    print(fingerprint(f), fingerprint(g.function), fingerprint(dynamic))
"""
HELPERS = "FACTOR = 3\ndef scale(x):\n    return x * FACTOR\n"
PRINT = (
    "import sys; sys.path.insert(0, sys.argv[1])\n"
    "from assets import f, g, dynamic\n"
    "from mlorch.planning.fingerprint import fingerprint\n"
    "print(fingerprint(f), fingerprint(g.function), fingerprint(dynamic))\n"
)
ROOT = Path(__file__).parents[3]


def printed(folder: Path, *arguments: str, seed: str = "0") -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments, str(ROOT)]
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_processes_agree(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "over" / "there"
    here.mkdir()
    (here / "assets.py").write_text(ASSETS, encoding="utf-8")
    (here / "helpers.py").write_text(HELPERS, encoding="utf-8")
    shutil.copytree(here, there)
    (there / "helpers.py").write_bytes(HELPERS.replace("\n", "\r\n").encode())
    expected = printed(here, "-c", PRINT)
    assert printed(here, "-c", PRINT, seed="1") == expected
    assert printed(there, "-O", "-c", PRINT, seed="2") == expected
    assert printed(here, "assets.py", seed="3") == expected, "as a script"
    (there / "helpers.py").write_text(HELPERS.replace("3", "4"), encoding="utf-8")
    after = printed(there, "-c", PRINT)
    assert after.split()[0] != expected.split()[0]
    assert after.split()[1:] == expected.split()[1:]


def test_it_is_short_and_hexadecimal(fingerprint_of: FingerprintOf) -> None:
    digits = fingerprint_of("def f(): return 1")
    assert len(digits) == 16
    int(digits, 16)


def test_an_asset_counts_as_its_function() -> None:
    def plain() -> int:
        return 1

    assert fingerprint(asset(plain)) == fingerprint(plain)


def test_code_that_was_read_once_counts_as_it_was(loaded: Loaded) -> None:
    files = {"assets.py": "def g(): return 1\ndef f(): return g()"}
    with loaded(files, "assets:f") as function:
        taken = Fingerprints()
        before = taken.of(function)
        Path(function.__code__.co_filename).write_text("def g(): return 22\ndef f(): return g()")
        assert taken.of(function) == before
        assert fingerprint(function) != before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f():\n    # why\n    return 1\n\nK = 1", "def f():\n    # why\n    return 1\n"),
        ("d = lambda g: g\n@d  # why\ndef f(): return 1", "@d  # why\ndef f(): return 1\n"),
        ("def make():\n  def g():\n    return 1\n  return g\nf = make()", "def g():\n  return 1\n"),
        ("f, g = lambda: 1, lambda: 2", "lambda: 1"),
        ("from functools import partial\ndef g(a): return a\nf = partial(g, 1)", "def g(a): return a\n"),
        ("from functools import lru_cache\n@lru_cache\ndef f(): return 1", "@lru_cache\ndef f(): return 1\n"),
        ("class C:\n    def m(self):\n        return 1\nf = C().m", "def m(self):\n    return 1\n"),
        ("a = '''\x0c\u2028'''\ndef f(): return 1", "def f(): return 1\n"),
        ("exec('def f(): return 1')", None),
        ("f = len", None),
    ],
)
def test_the_source_of_a_function(loaded: Loaded, text: str, expected: str | None) -> None:
    with loaded({"assets.py": text}, "assets:f") as function:
        assert source_of(function) == expected
