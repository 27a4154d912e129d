"""What all tests share: how a test says that it needs a program of the machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest

NeedsProgram = Callable[..., str]


@pytest.fixture(scope="session")
def needs_program() -> NeedsProgram:
    """`needs_program("git")` gives the program's path; without it the test is skipped, and in CI it fails."""

    def find(name: str, *, package: str = "") -> str:
        found = shutil.which(name)
        if found is not None:
            return found
        reason = f"needs the program {name!r} (Debian package {package or name!r}), which is not there"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}; in CI everything a test needs is there", pytrace=False)
        pytest.skip(reason)

    return find
