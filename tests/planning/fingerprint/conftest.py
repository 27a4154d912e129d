from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mlorch.planning.fingerprint import fingerprint

Loaded = Callable[..., AbstractContextManager[Any]]
FingerprintOf = Callable[..., str]


@pytest.fixture(scope="session")
def loaded() -> Loaded:
    """`with loaded({"assets.py": "def f(): …"}, "assets:f") as f:` imports from a new folder and forgets it.

    Modules are searched in the folders of `path`, inside the new one.
    """

    @contextmanager
    def load(files: Mapping[str, str], name: str, path: tuple[str, ...] = ("",)) -> Iterator[Any]:
        before = set(sys.modules)
        with tempfile.TemporaryDirectory() as folder:
            for inner, text in files.items():
                file = Path(folder, inner)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8", newline="")
            searched = [str(Path(folder, inner)) for inner in path]
            sys.path[:0] = searched
            importlib.invalidate_caches()
            try:
                module, _, attribute = name.partition(":")
                yield getattr(importlib.import_module(module), attribute)
            finally:
                del sys.path[: len(searched)]
                for one in set(sys.modules) - before:
                    if folder in str(getattr(sys.modules[one], "__spec__", "")):
                        del sys.modules[one]

    return load


@pytest.fixture(scope="session")
def fingerprint_of(loaded: Loaded) -> FingerprintOf:
    """`fingerprint_of({"assets.py": "def f(): …"})` is that of `f`; one file alone may be given as text."""

    def take(files: Mapping[str, str] | str, name: str = "assets:f", path: tuple[str, ...] = ("",)) -> str:
        with loaded({"assets.py": files} if isinstance(files, str) else files, name, path) as function:
            return fingerprint(function)

    return take
