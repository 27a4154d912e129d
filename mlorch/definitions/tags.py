"""Tags of runs that mean something. Dagster's names for them are read as well: "dagster/max_runtime"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from mlorch.errors import UserError

PARENT = "mlorch/parent_run_id"
"""The run that this one retries."""

ROOT = "mlorch/root_run_id"
"""The first run of the group, all of which retry it."""

RETRY_NUMBER = "mlorch/retry_number"
"""How many runs of the group were before."""

RESUMES = "mlorch/is_resume_retry"
""""true" where the run makes only what those before it have not made."""

WHY = "mlorch/why"
"""Why a run was asked for, in a line; set by sensors that decide by what they see."""

Strategy = Literal["FROM_FAILURE", "ALL_STEPS"]


def tag_of(tags: Mapping[str, str], name: str) -> str | None:
    """Return the value of a tag by either of its names, given as "mlorch/…"; None where it has none."""
    value = tags.get(name)
    return value if value is not None else tags.get(name.replace("mlorch/", "dagster/", 1))


def max_runtime_of(tags: Mapping[str, str]) -> float | None:
    """Return how many seconds a run may take. Raises UserError where the tag is no such number."""
    text = tag_of(tags, "mlorch/max_runtime")
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise UserError(f"the tag 'mlorch/max_runtime' should be a number of seconds above 0, not {text!r}")
    return seconds


def max_retries_of(tags: Mapping[str, str]) -> int | None:
    """Return how often a failed run is tried again. Raises UserError where the tag is no whole number."""
    text = tag_of(tags, "mlorch/max_retries")
    if text is None:
        return None
    if not text.isdecimal():
        raise UserError(f"the tag 'mlorch/max_retries' should be a whole number from 0 on, not {text!r}")
    return int(text)


def strategy_of(tags: Mapping[str, str]) -> Strategy:
    """Return what a retry makes. Raises UserError for a strategy that there is not."""
    text = tag_of(tags, "mlorch/retry_strategy") or "FROM_FAILURE"
    if text not in ("FROM_FAILURE", "ALL_STEPS"):
        raise UserError(f"the tag 'mlorch/retry_strategy' should be FROM_FAILURE or ALL_STEPS, not {text!r}")
    return text  # type: ignore[return-value]
