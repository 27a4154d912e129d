"""Random programs of ops, as graphs to be run and as plain Python that says what comes out.

A program is a list of lines. Each line makes one or two values from values of lines before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from mlorch import DynamicOut, DynamicOutput, In, Out, Output, RetryRequested, graph, op

FAILED, ABSENT = "failed", "absent"
"""What stands for a value that is not there: something failed, or an optional output stayed away."""


@op
def give() -> int:
    return 5


@op
def more(x: int) -> int:
    return x + 1


@op
def add(x: int, y: int) -> int:
    return 3 * x + y


@op(out=Out(int, is_required=False))
def maybe(x):
    if x % 3:
        yield Output(x)


@op(out={"low": Out(int), "high": Out(int, is_required=False)})
def part(x):
    yield Output(x % 4, "low")
    if x % 2:
        yield Output(x // 4, "high")


@op
def fragile(x: int) -> int:
    if x % 5 == 3:
        raise ValueError(x)
    return 2 * x


@op
def flaky(context, x: int) -> int:
    if context.retry_number == 0:
        raise RetryRequested(max_retries=1)
    return x + 7


@op(ins={"xs": In(list[int])})
def total(xs):
    return sum(xs)


@op(out=DynamicOut(int))
def spread(x):
    for number in range(x % 4):
        yield DynamicOutput(x + number, f"k{number}")


@graph
def nested(x):
    return more(fragile(x))


@graph
def deeper(x, y):
    return add(nested(maybe(x)), y)


UNARY: dict[str, Any] = {"more": more, "maybe": maybe, "fragile": fragile, "flaky": flaky, "nested": nested}
BINARY: dict[str, Any] = {"add": add, "deeper": deeper}


class Line(NamedTuple):
    """What is done, to which values, and for a map what is done to each of its values in turn."""

    name: str
    takes: tuple[int, ...] = ()
    chain: tuple[tuple[str, int | None], ...] = ()
    """Names of ops; of those that take two values the second comes from outside of the map."""


@st.composite
def programs(draw: Any, most: int) -> list[Line]:
    lines = [Line("give")]
    count = 1
    for _ in range(draw(st.integers(1, most))):
        name = draw(st.sampled_from([*UNARY, *BINARY, "part", "total", "map", "map"]))
        one = st.integers(0, count - 1)
        takes = draw(st.tuples(one, one) if name in BINARY else st.tuples(one))
        if name == "total":
            takes = tuple(draw(st.lists(one, min_size=1, max_size=3, unique=True)))
        chain: tuple[Any, ...] = ()
        if name == "map":
            link = st.tuples(st.sampled_from([*UNARY]), st.none()) | st.tuples(
                st.sampled_from([*BINARY]), one
            )
            chain = tuple(draw(st.lists(link, min_size=1, max_size=3)))
        lines.append(Line(name, takes, chain))
        count += 2 if name == "part" else 1
    return lines


def compose(lines: Sequence[Line]) -> None:
    """Call the ops of a program; to be called where a job is composed."""
    values: list[Any] = []
    for number, line in enumerate(lines):
        given = [values[one] for one in line.takes]
        name = f"{line.name}_{number}"
        if line.name == "give":
            values.append(give.alias(name)())
        elif line.name == "part":
            values.extend(part.alias(name)(*given))
        elif line.name == "total":
            values.append(total.alias(name)(given))
        elif line.name == "map":
            every = spread.alias(f"spread_{number}")(*given).map(_chained(line, number, values))
            values.append(total.alias(name)(every.collect()))
        else:
            values.append({**UNARY, **BINARY}[line.name].alias(name)(*given))


def _chained(line: Line, number: int, values: list[Any]) -> Any:
    def chained(one: Any) -> Any:
        for link, (name, other) in enumerate(line.chain):
            more_given = () if other is None else (values[other],)
            one = {**UNARY, **BINARY}[name].alias(f"{name}_{number}_{link}")(one, *more_given)
        return one

    return chained


class Interpreter:
    """Runs a program in plain Python; `steps` says of each step what it came to."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.steps: dict[str, Any] = {}
        self._values: list[Any] = []
        for number, line in enumerate(lines):
            given = [self._values[one] for one in line.takes]
            self._values.extend(self._line(line, f"{line.name}_{number}", number, given))

    def _line(self, line: Line, name: str, number: int, given: list[Any]) -> Iterator[Any]:
        if line.name == "give":
            yield self._step(name, [], lambda: 5)
        elif line.name == "part":
            low = self._step(name, given, lambda x: x % 4)
            yield low
            yield low if low in (FAILED, ABSENT) else given[0] // 4 if given[0] % 2 else ABSENT
        elif line.name == "total":
            yield self._total(name, given)
        elif line.name == "map":
            yield self._map(line, name, number, given[0])
        else:
            yield self._call(line.name, name, given, "")

    def _step(self, name: str, given: list[Any], function: Any) -> Any:
        if FAILED in given:
            self.steps[name] = "blocked"
            return FAILED
        if ABSENT in given:
            self.steps[name] = "skipped"
            return ABSENT
        found = self.steps[name] = function(*given)
        return found

    def _total(self, name: str, given: list[Any]) -> Any:
        """Of a list some may be absent, but not all."""
        there = [one for one in given if one != ABSENT]
        if FAILED in given:
            return self._step(name, [FAILED], sum)
        return self._step(name, [there if there or not given else ABSENT], sum)

    def _map(self, line: Line, name: str, number: int, given: Any) -> Any:
        spread = self._step(f"spread_{number}", [given], lambda x: x % 4)
        if spread in (FAILED, ABSENT):
            one = spread
            for link, (each, other) in enumerate(line.chain):
                others = [] if other is None else [self._values[other]]
                one = self._call(each, f"{each}_{number}_{link}", [one, *others], "")
            return self._total(name, [one])
        values = []
        for key in range(spread):
            one = given + key
            for link, (each, other) in enumerate(line.chain):
                others = [] if other is None else [self._values[other]]
                one = self._call(each, f"{each}_{number}_{link}", [one, *others], f"[k{key}]")
            values.append(one)
        return self._total(name, values)

    def _call(self, kind: str, name: str, given: list[Any], key: str) -> Any:
        if kind == "nested":
            one = self._call("fragile", f"{name}.fragile", given, key)
            return self._call("more", f"{name}.more", [one], key)
        if kind == "deeper":
            one = self._call("maybe", f"{name}.maybe", given[:1], key)
            one = self._call("nested", f"{name}.nested", [one], key)
            return self._call("add", f"{name}.add", [one, given[1]], key)
        return self._step(name + key, given, _PLAIN[kind])


_PLAIN = {
    "more": lambda x: x + 1,
    "add": lambda x, y: 3 * x + y,
    "maybe": lambda x: x if x % 3 else ABSENT,
    "fragile": lambda x: FAILED if x % 5 == 3 else 2 * x,
    "flaky": lambda x: x + 7,
}
