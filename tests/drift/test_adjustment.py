"""p-values adjusted for how many there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from mlorch.drift.adjustment import benjamini_hochberg

probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(probabilities)
def test_the_adjusted_values_are_those_of_scipy(p):
    assert benjamini_hochberg(p) == pytest.approx(list(false_discovery_control(p)), abs=1e-12)


@given(probabilities, st.randoms(use_true_random=False))
def test_each_value_keeps_its_place(p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    shuffled = benjamini_hochberg([p[place] for place in order])
    assert shuffled == pytest.approx([benjamini_hochberg(p)[place] for place in order], abs=1e-15)


def test_of_nothing_there_is_nothing_to_adjust():
    assert benjamini_hochberg([]) == []
