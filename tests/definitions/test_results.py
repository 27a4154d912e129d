"""Marks that stand for the absence of a value."""

from __future__ import annotations

import copy
import pickle

from mlorch.definitions.results import NO_VALUE


def test_there_is_one_mark_for_no_value_in_every_process():
    assert pickle.loads(pickle.dumps(NO_VALUE)) is NO_VALUE
    assert copy.deepcopy(NO_VALUE) is NO_VALUE
