"""How many runs and steps go at once, over all processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlorch.errors import InvalidConfigError, UserError

PRIORITY_TAGS = ("mlorch/priority", "dagster/priority")
"""Tags that say how urgent a run is: a whole number, higher ones first, 0 by default."""

PER_VALUE = {"applyLimitPerUniqueValue": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class TagLimit:
    """How many runs with a tag go at once."""

    key: str
    limit: int
    value: str | None = None
    """None means any value."""
    is_per_value: bool = False
    """Each value has slots of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is limited; by default nothing."""

    runs: int = -1
    """-1 means any number."""
    tags: tuple[TagLimit, ...] = ()
    pools: Mapping[str, int] = field(default_factory=dict)

    def of_run(self, tags: Mapping[str, str]) -> dict[str, int]:
        """Return the slots of each limit that a run with these tags comes under, by the limit's name."""
        found = {"runs": self.runs} if self.runs >= 0 else {}
        for one in self.tags:
            if one.key not in tags or one.value not in (None, tags[one.key]):
                continue
            any_value = one.value is None and not one.is_per_value
            name = f"tag {one.key}" if any_value else f"tag {one.key}={tags[one.key]}"
            found[name] = min(one.limit, found.get(name, one.limit))
        return found


NO_LIMITS = Limits()


def priority_of(tags: Mapping[str, str]) -> int:
    """Return how urgent a run is. Raises UserError where its tag is no whole number."""
    for tag in PRIORITY_TAGS:
        if tag in tags:
            try:
                return int(tags[tag])
            except ValueError:
                raise UserError(f"the tag {tag!r} should be a whole number, not {tags[tag]!r}") from None
    return 0


def read_limits(runs: int, tags: Sequence[Mapping[str, Any]], pools: Mapping[str, Any], where: str) -> Limits:
    """Return the limits that settings describe. Raises InvalidConfigError, naming `where` they stand."""
    if runs < -1:
        raise InvalidConfigError(
            f"{where}: max_concurrent_runs should be at least 0, or -1 for any, not {runs}"
        )
    for pool, slots in pools.items():
        if type(slots) is not int or slots < 0:
            raise InvalidConfigError(
                f"{where}: the pool {pool!r} should have a number of slots, not {slots!r}"
            )
    return Limits(runs=runs, tags=tuple(_tag_limits(tags, where)), pools=dict(pools))


def _tag_limits(tags: Sequence[Mapping[str, Any]], where: str) -> Iterator[TagLimit]:
    for one in tags:
        if not _is_tag_limit(one):
            raise InvalidConfigError(
                f"{where}: one of tag_concurrency_limits should be {{key = …, limit = …}}, with value = … "
                f"for that value alone or value = {{applyLimitPerUniqueValue = true}}, not {one!r}"
            )
        value = one.get("value")
        is_per_value = value == PER_VALUE
        yield TagLimit(
            key=one["key"],
            limit=one["limit"],
            value=None if is_per_value else value,
            is_per_value=is_per_value,
        )


def _is_tag_limit(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and one.keys() <= {"key", "value", "limit"}
        and isinstance(one.get("key"), str)
        and type(one.get("limit")) is int
        and one["limit"] >= 0
        and ("value" not in one or isinstance(one["value"], str) or one["value"] == PER_VALUE)
    )
