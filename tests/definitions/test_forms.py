"""What people write in YAML, as pydantic reads it."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from mlorch import Config, EnvVar, PermissiveConfig
from mlorch.definitions.config import make_config
from mlorch.definitions.forms import read, read_fields
from mlorch.errors import InvalidConfigError


class Loss(Enum):
    SQUARED = "l2"
    ABSOLUTE = "l1"


class Cat(Config):
    kind: Literal["cat"] = "cat"
    meows: int = 1


class Dog(Config):
    kind: Literal["dog"] = "dog"
    barks: float
    loss: Loss = Loss.SQUARED


class Owner(Config):
    pet: Cat | Dog = Field(discriminator="kind")


class Zoo(Config):
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]]
    by_name: dict[str, Dog]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.mark.parametrize(
    "written",
    [{"dog": {"barks": 2, "loss": "ABSOLUTE"}}, {"kind": "dog", "barks": 2, "loss": "l1"}],
)
def test_one_of_several_is_chosen_by_its_tag_or_by_the_field_that_tells_them_apart(written):
    assert make_config(Owner, {"pet": written}, "x").pet == Dog(barks=2.0, loss=Loss.ABSOLUTE)


def test_a_choice_with_nothing_but_defaults_needs_no_fields():
    assert make_config(Owner, {"pet": {"cat": None}}, "x").pet == Cat(meows=1)


def test_choices_stand_in_lists_and_dicts_too():
    zoo = make_config(
        Zoo, {"pets": [{"cat": {"meows": 2}}], "by_name": {"rex": {"barks": 1, "loss": "SQUARED"}}}, "x"
    )
    assert zoo == Zoo(pets=[Cat(meows=2)], by_name={"rex": Dog(barks=1.0)})


def test_an_unknown_choice_is_refused_with_those_that_there_are():
    with pytest.raises(InvalidConfigError, match=r"field 'pet'.*kind"):
        make_config(Owner, {"pet": {"cow": {}}}, "the config of 'x'")


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, EnvVar("HOME_OF")),
        (str | None, EnvVar("HOME_OF")),
        (Literal["a", "b"], EnvVar("HOME_OF")),
        (dict[str, str], {"env": "HOME_OF"}),
        (Any, {"env": "HOME_OF"}),
    ],
)
def test_a_variable_is_one_where_a_single_value_belongs(annotation, expected):
    found = read(annotation, {"env": "HOME_OF"})
    assert found == expected
    assert type(found) is type(expected)


def test_a_variable_in_a_list_or_a_nested_config_is_read_late(monkeypatch):
    class Inner(Config):
        token: str
        size: int = 1

    class Outer(Config):
        inner: Inner
        hosts: list[str]

    made = make_config(
        Outer,
        {"inner": {"token": {"env": "TOKEN"}, "size": {"env": "SIZE"}}, "hosts": ["a", {"env": "HOST"}]},
        "x",
    )
    assert made.recorded() == {"inner": {"token": "$TOKEN", "size": "$SIZE"}, "hosts": ["a", "$HOST"]}
    for name, value in (("TOKEN", "s3cr3t"), ("SIZE", "7"), ("HOST", "b")):
        monkeypatch.setenv(name, value)
    assert made.resolved() == Outer(inner=Inner(token="s3cr3t", size=7), hosts=["a", "b"])
    assert made.secrets() == {"s3cr3t", "7", "b"}


@given(PLAIN)
def test_what_has_no_form_of_ours_stays_the_object_it_is(value):
    for annotation in (Any, dict[str, Any], list[Any], int | None):
        if not (isinstance(value, dict) and "env" in value):
            assert read(annotation, value) is value


@given(st.dictionaries(st.text(), PLAIN))
def test_unknown_fields_are_left_for_pydantic_to_judge(fields):
    assert read_fields(PermissiveConfig, fields) == fields
