"""Which ops a selection means: against paths walked one step at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import op
from mlorch.definitions.nodes import FanIn, OpNode, OpOutput
from mlorch.errors import InvalidSelectionError
from mlorch.planning.subsets import select_ops

NAMES = [f"op{number}" for number in range(6)]


@op
def nothing(): ...


@st.composite
def graphs(draw):
    """Return for each op those before it that it reads."""
    return {
        name: draw(st.sets(st.sampled_from(NAMES[:place]), max_size=3)) if place else set()
        for place, name in enumerate(NAMES)
    }


def nodes_of(above):
    def inputs(names):
        return {"x": FanIn(tuple(OpOutput(name, "result") for name in sorted(names)))} if names else {}

    return {name: OpNode(name, nothing, inputs(names)) for name, names in above.items()}


def walked(name, next_to, depth):
    found = {name}
    for _ in range(len(NAMES) if depth == "*" else len(depth)):
        found |= {one for each in found for one in next_to[each]}
    return found


@given(
    graphs(), st.sampled_from(["", "+", "++", "*"]), st.sampled_from(NAMES), st.sampled_from(["", "+", "*"])
)
def test_steps_above_and_below_are_counted(above, before, name, behind):
    below = {one: {other for other, names in above.items() if one in names} for one in NAMES}
    expected = walked(name, above, before) | walked(name, below, behind)
    found = select_ops([f"{before}{name}{behind}"], nodes_of(above))
    assert found == tuple(one for one in NAMES if one in expected)


def test_a_graph_is_all_of_its_ops_and_several_texts_are_their_union():
    nodes = {path: OpNode(path, nothing) for path in ("a", "graph.b", "graph.c", "graphs")}
    assert select_ops(["graph"], nodes) == ("graph.b", "graph.c")
    assert select_ops(["graph.c", "a"], nodes) == ("a", "graph.c")
    with pytest.raises(InvalidSelectionError, match=r"no op 'graph\.d'; did you mean 'graph\."):
        select_ops(["graph.d"], nodes)
