"""Projects with a DVC repository, and a DVC that touches nothing of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mirrors.dvc.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A project whose DVC repository is one for the mirror, though DVC never saw it."""
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    return World(tmp_path)


@pytest.fixture
def private_dvc(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give DVC settings and caches of its own."""
    for name in ("SITE_CACHE_DIR", "GLOBAL_CONFIG_DIR", "SYSTEM_CONFIG_DIR"):
        monkeypatch.setenv(f"DVC_{name}", str(tmp_path_factory.mktemp(name.lower())))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
