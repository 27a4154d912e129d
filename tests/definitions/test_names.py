"""What ops, graphs, inputs and outputs may be called."""

from __future__ import annotations

import pytest

from mlorch.definitions.names import check_plain_name, is_plain_name
from mlorch.errors import InvalidDefinitionError


@pytest.mark.parametrize("name", ["load", "load_2", "2load", "_", "A", "input_x"])
def test_letters_digits_and_underscores_make_a_name(name):
    assert is_plain_name(name)
    check_plain_name(name, "an op")


@pytest.mark.parametrize("name", ["has space", "a/b", "a-b", "a.b", "", "ünit", "x\n", "a[0]", 1, None])
def test_anything_else_is_refused_with_what_it_would_name(name):
    assert not is_plain_name(name)
    with pytest.raises(InvalidDefinitionError, match=r"an op can't be called .* letters, digits and '_'"):
        check_plain_name(name, "an op")


@pytest.mark.parametrize(
    "name", ["context", "config", "conf", "input", "output", "type", "int", "dict", "for"]
)
def test_reserved_words_are_refused(name):
    with pytest.raises(InvalidDefinitionError, match=f"a graph can't be called '{name}', which is reserved"):
        check_plain_name(name, "a graph")
