"""What schedules and sensors run: jobs, or a selection of assets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlorch.definitions.jobs import AssetJob, JobDefinition
from mlorch.errors import InvalidDefinitionError

Job = AssetJob | JobDefinition


@dataclass(frozen=True, slots=True)
class Target:
    """Jobs, by their names and as they were given, or else assets. Neither is right for what runs nothing."""

    names: tuple[str, ...] = ()
    jobs: tuple[Job, ...] = ()
    """Those that were not given by name."""
    selection: Any = None

    @property
    def job_name(self) -> str | None:
        return self.names[0] if self.names else None


def read_target(
    owner: str,
    *,
    jobs: Sequence[Any] = (),
    target: Any = None,
    selection: Any = None,
    required: bool = False,
) -> Target:
    """Return what is to run, of jobs, names of jobs, graphs of ops, assets and selections of these.

    Raises InvalidDefinitionError, naming `owner`, where several ways contradict each other, or none is given
    and one is required.
    """
    given = [one for one in jobs if one is not None]
    several = [one for one in (given or None, target, selection) if one is not None]
    if len(several) > 1:
        raise InvalidDefinitionError(f"{owner} is told what to run in several ways; give one job or target")
    if not several:
        if required:
            raise InvalidDefinitionError(f"{owner} is not told what to run; give job=… or target=…")
        return Target()
    if target is not None:
        found = [_as_job(one) for one in (target if isinstance(target, list | tuple) else [target])]
        if all(isinstance(one, AssetJob | JobDefinition) for one in found):
            given = found
        elif any(isinstance(one, AssetJob | JobDefinition) for one in found):
            raise InvalidDefinitionError(f"{owner} has jobs and assets for a target; give one or the other")
    if not given:
        chosen = target if target is not None else selection
        return Target(selection=tuple(chosen) if isinstance(chosen, list | tuple) else chosen)
    made = [_as_job(one) for one in given]
    for one in made:
        if not isinstance(one, AssetJob | JobDefinition | str):
            raise InvalidDefinitionError(f"{owner}: {one!r} is no job, and no name of one")
    names = tuple(one if isinstance(one, str) else one.name for one in made)
    return Target(names, tuple(one for one in made if not isinstance(one, str)))


def _as_job(given: Any) -> Any:
    """Return a graph of ops as a job, and anything else as it is."""
    to_job = getattr(given, "to_job", None)
    return to_job() if to_job is not None else given
