"""The board against a simple model: every step ends once, in order, and for the reason that the model has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mlorch import DynamicOut, Out, op
from mlorch.app.jobs import GraphDefinition, JobDefinition
from mlorch.definitions.graphs import FanIn, Node, OpOutput
from mlorch.definitions.nodes import Wiring
from mlorch.execution.board import Board
from mlorch.planning.plan import PlannedStep, plan_graph

MADE, FAILED, BLOCKED, SKIPPED = "made", "failed", "blocked", "skipped"


@dataclass
class World:
    """A random job, and what each of its ops will do when it is called."""

    job: JobDefinition
    fails: set[str] = field(default_factory=set)
    """Names of steps, those of mapping keys among them."""
    silent: set[str] = field(default_factory=set)
    """Names of steps that do not give their optional output."""
    keys: dict[str, list[str]] = field(default_factory=dict)


def make_op(name: str, inputs: list[str], *, dynamic: bool):
    out = {"many": DynamicOut()} if dynamic else {"one": Out(is_required=False), "two": Out()}
    scope: dict[str, Any] = {}
    exec(f"def {name}({', '.join(inputs)}): ...", scope)
    return op(name=name, out=out)(scope[name])


@st.composite
def worlds(draw) -> World:
    nodes: dict[str, Node] = {}
    over: dict[str, str | None] = {}
    dynamic: set[str] = set()
    for number in range(draw(st.integers(1, 7))):
        name = f"op{number}"
        is_dynamic = draw(st.integers(0, 2)) == 0
        mapped: set[str] = set()
        sources: dict[str, OpOutput | FanIn] = {}
        for place in range(draw(st.integers(0, min(3, number)))):
            parts = [
                _output(draw, one, over, dynamic, mapped, is_dynamic)
                for one in draw(st.lists(st.sampled_from(sorted(nodes)), min_size=1, max_size=2))
            ]
            is_list = len(parts) > 1 and not any(part.is_collected for part in parts)
            sources[f"in{place}"] = FanIn(tuple(parts)) if is_list else parts[0]
        nodes[name] = Node(name, make_op(name, list(sources), dynamic=is_dynamic), sources)
        over[name] = min(mapped, default=None)
        if is_dynamic:
            dynamic.add(name)
    world = World(JobDefinition(GraphDefinition("world", wiring=Wiring(nodes, {}, {}, {}))))
    names = [name for name in nodes if over[name] is None]
    world.keys = {name: draw(st.sampled_from([[], ["a"], ["a", "b", "c"]])) for name in sorted(dynamic)}
    names += [f"{name}[{key}]" for name, one in over.items() if one is not None for key in world.keys[one]]
    world.fails = draw(st.sets(st.sampled_from(names), max_size=2))
    world.silent = draw(st.sets(st.sampled_from(names), max_size=4))
    return world


def _output(draw, name, over, dynamic, mapped, is_dynamic) -> OpOutput:
    """Return an output of an earlier op, collected where it could not be mapped over."""
    above = name if name in dynamic else over[name]
    collected = False
    if above is not None:
        collected = is_dynamic or bool(mapped - {above}) or draw(st.booleans())
        if not collected:
            mapped.add(above)
    output = "many" if name in dynamic else draw(st.sampled_from(["one", "two"]))
    return OpOutput(name, output, collected)


class Model:
    """What becomes of each step, worked out from what it reads, by recursion and without any order."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.nodes = world.job.op_nodes
        self.known: dict[tuple[str, str | None], str] = {}

    def fates(self) -> dict[str, str]:
        found = {}
        for path, node in self.nodes.items():
            for key in self.instances(path) if node.mapped_over is not None else [None]:
                found[path if key is None else f"{path}[{key}]"] = self.fate(path, key)
        return found

    def instances(self, path: str) -> list[str | None]:
        """Return the keys of what is mapped; [None] where the dynamic output never came."""
        over = self.nodes[path].mapped_over
        assert over is not None
        above, _ = over
        return [*self.world.keys[above]] if self.fate(above, None) == MADE else [None]

    def fate(self, path: str, key: str | None) -> str:
        if (path, key) not in self.known:
            self.known[path, key] = self._fate(path, key)
        return self.known[path, key]

    def _fate(self, path: str, key: str | None) -> str:
        states = [self.source(one, key) for one in self.nodes[path].inputs.values()]
        if BLOCKED in states:
            return BLOCKED
        if SKIPPED in states:
            return SKIPPED
        name = path if key is None else f"{path}[{key}]"
        return FAILED if name in self.world.fails else MADE

    def source(self, source, key: str | None) -> str:
        if isinstance(source, FanIn):
            states = [self.source(one, key) for one in source.sources]
            if BLOCKED in states:
                return BLOCKED
            return SKIPPED if set(states) == {SKIPPED} else MADE
        mapped_over = self.nodes[source.path].mapped_over
        if mapped_over is None:
            return self.output(source, None)
        if not source.is_collected:
            return self.output(source, key)
        states = [self.output(source, one) for one in self.instances(source.path)]
        if BLOCKED in states:
            return BLOCKED
        return SKIPPED if states and set(states) == {SKIPPED} else MADE

    def output(self, source: OpOutput, key: str | None) -> str:
        state = self.fate(source.path, key)
        if state in (FAILED, BLOCKED):
            return BLOCKED
        name = source.path if key is None else f"{source.path}[{key}]"
        is_silent = source.output == "one" and name in self.world.silent
        return SKIPPED if state == SKIPPED or is_silent else MADE


def assert_over(board: Board, above: PlannedStep, ended: dict[str, str]) -> None:
    """Check that a step ended; of one that was replaced by one a mapping key, that all of these did."""
    over = above.node.mapped_over
    if above.mapping_key is not None or over is None or ended.get(over[0]) != MADE:
        assert above.name in ended
    else:
        instances = {one.name for one in board.steps if one.place == above.place} - {above.place}
        assert instances <= ended.keys()


@settings(max_examples=150, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_every_step_ends_once_and_as_it_should(world: World, random) -> None:
    steps = plan_graph(world.job).steps
    board = Board(steps)
    left = len(steps)
    ended: dict[str, str] = {}
    running: list[int] = []
    while board or running:
        if board and (not running or random.random() < 0.6):
            index = board.take()
            step = board.steps[index]
            assert step.name not in ended
            for above in step.waits_for:
                assert_over(board, board.steps[above], ended)
            if board.is_blocked(index):
                ended[step.name] = BLOCKED
                board.fail(index)
            elif board.unmade_input(index) is not None:
                ended[step.name] = SKIPPED
                board.skip(index)
            else:
                running.append(index)
                continue
        else:
            index = running.pop(random.randrange(len(running)))
            step = board.steps[index]
            if step.name in world.fails:
                ended[step.name] = FAILED
                board.fail(index)
            else:
                ended[step.name] = MADE
                outputs = set(step.node.op.outs) - ({"one"} if step.name in world.silent else set())
                left += board.done(index, outputs, {"many": world.keys.get(step.name, [])})
        left -= 1
    assert ended == Model(world).fates()
    assert left == 0


def test_a_step_that_is_put_back_is_taken_again_in_its_order():
    @op
    def first(): ...

    @op
    def second(): ...

    nodes = {one.name: Node(one.name, one, {}) for one in (first, second)}
    board = Board(plan_graph(JobDefinition(GraphDefinition("two", wiring=Wiring(nodes, {}, {}, {})))).steps)
    assert board.take() == 0
    board.put_back(0)
    assert [board.take(), board.take()] == [0, 1]
    assert not board
