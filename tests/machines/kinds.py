"""A project with every kind of asset, and the world in which its author changes it.

What the functions compute is written twice: here with the decorators, and in `computed`, plainly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mlorch import (
    AllPartitionMapping,
    AssetIn,
    AssetOut,
    AssetSpec,
    BackfillPolicy,
    DailyPartitionsDefinition,
    DataVersion,
    Definitions,
    DynamicOut,
    DynamicOutput,
    DynamicPartitionsDefinition,
    MultiPartitionsDefinition,
    Out,
    Output,
    RetryPolicy,
    StaticPartitionsDefinition,
    TimeWindowPartitionMapping,
    asset,
    graph_asset,
    graph_multi_asset,
    multi_asset,
    observable_source_asset,
    op,
)
from mlorch.definitions.specs import CONTENT
from mlorch.log import Slot

PLACES = StaticPartitionsDefinition(["north", "south"])
COLOURS = DynamicPartitionsDefinition(name="colours")
DAYS = {
    count: DailyPartitionsDefinition(start_date="2024-01-01", end_date=f"2024-01-{count + 1:02}")
    for count in (1, 2, 3, 4)
}
CELLS = {count: MultiPartitionsDefinition({"day": days, "place": PLACES}) for count, days in DAYS.items()}


@dataclass
class World:
    """What the author of the project may change, and what may change outside."""

    days: int = 1
    colours: list[str] = field(default_factory=list)
    code: dict[str, int] = field(default_factory=lambda: defaultdict(lambda: 1))
    outside: dict[Slot, int] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    """Partitions of `rest` that stay away."""
    broken: str | None = None
    """What fails; None where nothing does."""
    is_flaky: bool = False
    """True where it fails at the first attempt alone."""

    def keys(self, parts: str | None) -> list[Any]:
        """The partition keys of a set; those of no partitions are [None]."""
        days = [f"2024-01-{day:02}" for day in range(1, self.days + 1)]
        if parts == "cells":
            return [f"{day}|{place}" for day in days for place in PLACES.get_partition_keys()]
        if parts == "places":
            return list(PLACES.get_partition_keys())
        if parts == "colours":
            return list(self.colours)
        return days if parts == "days" else [None]

    def slots(self, name: str) -> list[Slot]:
        return [(name, key) for key in self.keys(DESIGNS[name].parts)]


Edge = Callable[[World, Any, list[Any]], list[Any]]
"""Which of the upstream keys there are a partition reads."""


def same(world: World, key: Any, there: list[Any]) -> list[Any]:
    return [key]


def pair(world: World, key: Any, there: list[Any]) -> list[Any]:
    return there[max(0, there.index(key) - 1) : there.index(key) + 1]


def everything(world: World, key: Any, there: list[Any]) -> list[Any]:
    return there


def its_day(world: World, key: Any, there: list[Any]) -> list[Any]:
    return [key.split("|")[0]]


def its_cells(world: World, key: Any, there: list[Any]) -> list[Any]:
    return [one for one in there if one.endswith(f"|{key}")]


class Design(NamedTuple):
    """An asset: what makes it, its partitions, what its function takes, and what it comes after."""

    maker: str
    parts: str | None = None
    takes: Mapping[str, Edge] = {}
    after: Mapping[str, Edge] = {}

    @property
    def edges(self) -> Mapping[str, Edge]:
        return {**self.takes, **self.after}


DESIGNS = {
    "feed": Design("feed"),
    "told": Design("told"),
    "left": Design("sides", "days", {}, {"feed": everything}),
    "right": Design("sides", "days", {}, {"feed": everything, "left": same}),
    "some": Design("choice", "days", {"left": same}),
    "rest": Design("choice", "days", {"left": same}, {"some": same}),
    "bulk": Design("bulk", "days", {"left": same, "right": pair}),
    "shade": Design("shade", "colours", {}, {"told": everything}),
    "tint": Design("tint", "colours", {"shade": same}),
    "mixed": Design("mixed", None, {"shade": everything}),
    "cell": Design("cell", "cells", {"right": its_day}),
    "place": Design("place", "places", {"cell": its_cells}),
    "total": Design("total", None, {"bulk": everything}),
    "low": Design("levels", None, {"rest": everything, "total": same}),
    "high": Design("levels", None, {"rest": everything, "total": same}),
    "floor": Design("floor", None, {"low": same}),
    "roof": Design("roof", None, {"floor": same, "high": same}),
}
ELSEWHERE = {"feed", "told"}
GIVEN = {"left", "shade"}
"""They read what changes outside unseen, and give their data versions themselves."""
MOST = {"bulk": 2, "tint": 99}
"""How many partitions one call makes."""
FAILING = [*sorted({one.maker for one in DESIGNS.values()} - ELSEWHERE), "right", "square", "add", "high"]
"""What may fail: functions; the one of two sides after the first came; ops within graphs."""


def fold(code: int, inputs: list[int]) -> int:
    value = code * 7
    for one in inputs:
        value = (value * 3 + one) % 101
    return value


def computed(name: str, code: int, outside: int, inputs: list[int]) -> int:
    """What an asset comes to; in `mixed` many differences vanish."""
    if name in GIVEN:
        return outside
    if name == "total":
        return fold(code, [one * one % 101 for one in inputs])
    if name in ("low", "high"):
        return fold(code, [fold(0, inputs), len(name)])
    value = fold(code, inputs)
    return value // 40 if name == "mixed" else value


class Project:
    """What the author wrote, as the world is now; declared once for each state of the world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._known: dict[tuple[Any, ...], Definitions] = {}
        self._failed: set[tuple[str, str | None]] = set()

    def definitions(self) -> Definitions:
        state = (self.world.days, *(self.world.code[name] for name in DESIGNS))
        if state not in self._known:
            self._known[state] = Definitions(self._assets())
        self._failed.clear()
        return self._known[state]

    def _assets(self) -> Iterator[Any]:
        yield observable_source_asset(name="feed")(lambda: DataVersion(f"feed-{self._outside('feed', None)}"))
        yield AssetSpec("told")
        yield self._sides()
        yield self._choice()
        pairs = TimeWindowPartitionMapping(start_offset=-1)
        yield self._plain("bulk", DAYS[self.world.days], right=AssetIn(partition_mapping=pairs))
        yield self._plain("shade", COLOURS)
        yield self._plain("tint", COLOURS)
        yield self._plain("mixed", None)
        yield self._plain("cell", CELLS[self.world.days])
        yield self._plain("place", PLACES)
        yield self._total()
        yield self._levels()
        yield self._plain("floor", None)
        yield self._plain("roof", None)

    def _plain(self, name: str, parts: Any, **ins: AssetIn) -> Any:
        def make(context: Any, **given: Any) -> Any:
            self._maybe_fail(name, context.partition_keys[0] if parts is not None else None)
            keys = context.partition_keys if parts is not None else [None]
            made = {key: self._made(name, key, self._taken(name, key, given)) for key in keys}
            if name in GIVEN:
                return Output(made[keys[0]], data_version=self._version(name, keys[0]))
            return made if len(keys) > 1 else made[keys[0]]

        design = DESIGNS[name]
        return asset(
            name=name,
            code_version=str(self.world.code[name]),
            ins={up: ins.get(up, AssetIn()) for up in design.takes},
            deps=list(design.after),
            partitions_def=parts,
            data_version=CONTENT if name == "mixed" else None,
            backfill_policy=_policy(name),
            retry_policy=RetryPolicy(),
        )(make)

    def _sides(self) -> Any:
        def sides(context: Any) -> Iterator[Any]:
            key = context.partition_key
            self._maybe_fail("sides", key)
            yield Output(self._made("left", key, []), "left", data_version=self._version("left", key))
            self._maybe_fail("right", key)
            yield Output(self._made("right", key, []), "right")

        return multi_asset(
            name="sides",
            outs=self._outs("left", "right"),
            deps=["feed"],
            internal_asset_deps={"left": ["feed"], "right": ["feed", "left"]},
            partitions_def=DAYS[self.world.days],
            retry_policy=RetryPolicy(),
        )(sides)

    def _choice(self) -> Any:
        def choice(context: Any, left: Any) -> Iterator[Any]:
            key = context.partition_key
            self._maybe_fail("choice", key)
            for name in ("some", "rest"):
                is_away = name == "rest" and key in self.world.away
                if name in context.selected_output_names and not is_away:
                    yield Output(self._made(name, key, [left]), name)

        return multi_asset(
            name="choice",
            outs=self._outs("some", "rest"),
            can_subset=True,
            internal_asset_deps={"some": ["left"], "rest": ["left", "some"]},
            partitions_def=DAYS[self.world.days],
            retry_policy=RetryPolicy(),
        )(choice)

    def _total(self) -> Any:
        code = self.world.code["total"]

        @op(out=DynamicOut(), retry_policy=RetryPolicy())
        def divide(bulk):
            self._maybe_fail("total")
            for number, one in enumerate(_numbers(bulk)):
                yield DynamicOutput(one, f"n{number}")

        @op(retry_policy=RetryPolicy())
        def square(one):
            self._maybe_fail("square")
            return one * one % 101

        @op(retry_policy=RetryPolicy())
        def add(squares):
            self._maybe_fail("add")
            return fold(code, squares)

        @graph_asset(ins={"bulk": AssetIn(partition_mapping=AllPartitionMapping())}, code_version=str(code))
        def total(bulk):
            return add(divide(bulk).map(square).collect())

        return total

    def _levels(self) -> Any:
        code = self.world.code

        @op(out={"under": Out(), "over": Out()}, retry_policy=RetryPolicy())
        def halve(rest, total):
            self._maybe_fail("levels")
            value = fold(0, [*_numbers(rest), total])
            return value, value

        @op(retry_policy=RetryPolicy())
        def sink(under):
            return fold(code["low"], [under, len("low")])

        @op(retry_policy=RetryPolicy())
        def rise(over):
            self._maybe_fail("high")
            return fold(code["high"], [over, len("high")])

        @graph_multi_asset(outs=self._outs("low", "high"))
        def levels(rest, total):
            under, over = halve(rest, total)
            return {"low": sink(under), "high": rise(over)}

        return levels

    def _outs(self, *names: str) -> dict[str, AssetOut]:
        code = self.world.code
        return {name: AssetOut(code_version=str(code[name]), is_required=name != "rest") for name in names}

    def _maybe_fail(self, name: str, key: str | None = None) -> None:
        if name == self.world.broken and not (self.world.is_flaky and (name, key) in self._failed):
            self._failed.add((name, key))
            raise RuntimeError(f"{name} is broken")

    def _taken(self, name: str, key: Any, given: Mapping[str, Any]) -> list[int]:
        """Return what a partition takes of the values that all partitions of its call were given."""
        taken = []
        for up, edge in DESIGNS[name].takes.items():
            value = given[up]
            if isinstance(value, dict):
                there = self.world.keys(DESIGNS[up].parts)
                taken += [value[one] for one in edge(self.world, key, there)]
            elif value is not None:
                taken.append(value)
        return taken

    def _made(self, name: str, key: Any, inputs: list[int]) -> int:
        return computed(name, self.world.code[name], self._outside(name, key), inputs)

    def _outside(self, name: str, key: Any) -> int:
        return self.world.outside.get((name, key), 0)

    def _version(self, name: str, key: Any) -> DataVersion:
        return DataVersion(f"{name}-{self._outside(name, key)}")


def _numbers(value: Any) -> list[int]:
    return list(value.values()) if isinstance(value, dict) else [value]


def _policy(name: str) -> BackfillPolicy | None:
    return BackfillPolicy.multi_run(MOST[name]) if name in MOST else None
