"""A request with what the project's settings say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlorch.app.materializing import Request
from mlorch.app.opening import git_state, run_source
from mlorch.definitions.executors import ExecutorDefinition
from mlorch.settings import Settings


def request_of(settings: Settings, flags: Mapping[str, Any] | None = None, **given: Any) -> Request:
    """Return what is asked for; `flags` are the executor and workers of the command line, if any."""
    flags = flags or {}
    return Request(
        **given,
        executor=flags.get("executor"),
        workers=flags.get("workers"),
        otherwise=ExecutorDefinition(settings.executor, {"max_concurrent": settings.workers or 0}),
        address=settings.dask.address,
        auto=settings.code_version == "auto",
        project=settings.name,
        source=run_source(),
        git=git_state(settings.project),
        limits=settings.limits,
    )
