"""Which assets are one stage: those that one function can only make together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import md5

from mlorch.mirrors.dvc.places import Made, Place


@dataclass(frozen=True, slots=True)
class Group:
    """The places of what is made together; of most assets there is one."""

    name: str
    """A name that DVC allows for the stage."""
    command: str
    places: tuple[Place, ...]
    newest: Made

    @property
    def assets(self) -> tuple[str, ...]:
        return tuple(place.asset for place in self.places)


def groups(where: Mapping[str, Place], defined: Collection[str] | None) -> list[Group]:
    """Divide the assets into groups, in the order of their first asset, each with its command."""
    members: dict[tuple[str, ...], list[Place]] = {}
    for place in where.values():
        members.setdefault(_together(place, defined), []).append(place)
    taken = {stage_name(place.asset) for place in where.values()}
    return [_group(together, tuple(places), taken) for together, places in members.items()]


def stage_name(asset: str) -> str:
    """Return a name that DVC allows: "prefix--name" for "prefix/name".

    Names in which that could mean two assets, or that have a dot, end in the digest of the key.
    """
    name = asset.replace("/", "--").replace(".", "-")
    if "." in asset or "--" in asset or "-/" in asset:
        return f"{name}-{_digest(asset)}"
    return name


def _together(place: Place, defined: Collection[str] | None) -> tuple[str, ...]:
    """Return the assets that have to be selected to make one, those that keep no file as well."""
    recorded = place.newest.fact.definition.get("together") or ()
    return tuple(key for key in recorded if defined is None or key in defined) or (place.asset,)


def _group(together: tuple[str, ...], places: tuple[Place, ...], taken: Collection[str]) -> Group:
    newest = max((place.newest for place in places), key=lambda made: made.seq)
    options = " --all-partitions --stale" if any(place.is_directory for place in places) else ""
    command = f"mlorch materialize {' '.join(together)}{options}"
    if len(together) == 1:
        return Group(stage_name(together[0]), command, places, newest)
    # The step of what is made together begins with the name of its function.
    name = newest.fact.step.partition("[")[0].partition(".")[0]
    if name in taken:
        name = f"{name}-{_digest(' '.join(together))}"
    return Group(name, command, places, newest)


def _digest(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()[:8]
