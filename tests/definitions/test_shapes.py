"""Configs declared as dicts: what each declaration takes, refuses and hands on."""

from __future__ import annotations

import enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlorch import (
    Array,
    Config,
    Enum,
    EnumValue,
    EnvVar,
    Field,
    Map,
    Noneable,
    Permissive,
    Selector,
    Shape,
    StringSource,
)
from mlorch.definitions.config import make_config, plain_config
from mlorch.definitions.shapes import config_class
from mlorch.errors import InvalidConfigError, InvalidDefinitionError


class Loss(enum.Enum):
    L1 = 1
    L2 = 2


def op_config(schema: Any, given: Any) -> Any:
    return plain_config(make_config(config_class(schema, "op"), given, "the config of 'op'"))


@pytest.mark.parametrize(
    ("schema", "written", "expected"),
    [
        ({"x": int}, {"x": 3}, {"x": 3}),
        ({"x": Field(int, default_value=4)}, {}, {"x": 4}),
        ({"x": Field(int, is_required=False)}, {}, {}),
        ({"x": Field(int, is_required=False)}, {"x": 5}, {"x": 5}),
        ({"x": Noneable(int)}, {}, {"x": None}),
        ({"x": [str]}, {"x": ["a"]}, {"x": ["a"]}),
        ({"x": Array(int)}, {"x": [1, 2]}, {"x": [1, 2]}),
        ({"x": Map(str, int)}, {"x": {"a": 1}}, {"x": {"a": 1}}),
        ({"x": {"y": {"z": int}}}, {"x": {"y": {"z": 1}}}, {"x": {"y": {"z": 1}}}),
        ({"x": Shape({"y": Field(int, default_value=2)})}, {}, {"x": {"y": 2}}),
        ({"x": Permissive({"y": int})}, {"x": {"y": 1, "more": [2]}}, {"x": {"y": 1, "more": [2]}}),
        ({"x": Permissive()}, {}, {"x": {}}),
        ({"x": dict, "y": list}, {"x": {"a": 1}, "y": [1, "b"]}, {"x": {"a": 1}, "y": [1, "b"]}),
        ({"x": Selector({"a": int, "b": str})}, {"x": {"b": "q"}}, {"x": {"b": "q"}}),
        ({"x": Enum("Size", [EnumValue("BIG", 100), EnumValue("SMALL")])}, {"x": "BIG"}, {"x": 100}),
        ({"x": Field(Enum("Size", [EnumValue("BIG")]), default_value="BIG")}, {}, {"x": "BIG"}),
        ({"x": Enum.from_python_enum(Loss)}, {"x": "L2"}, {"x": Loss.L2}),
        (
            {"schema": str, "json": int, "_x": int},
            {"schema": "s", "json": 1, "_x": 2},
            {"schema": "s", "json": 1, "_x": 2},
        ),
        (int, 3, 3),
        (Field(str, default_value="q"), None, "q"),
        ([int], [1, 2], [1, 2]),
        (Field({"x": int}), {"x": 1}, {"x": 1}),
    ],
)
def test_what_is_given_comes_out_as_plain_values(schema, written, expected):
    found = op_config(schema, written)
    assert found == expected


@pytest.mark.parametrize(
    ("schema", "written", "message"),
    [
        ({"x": int}, {}, "needs a value for 'x'"),
        ({"x": int, "y": str}, {}, "needs values for 'x', 'y'"),
        ({"rate": int}, {"rat": 1}, "no field 'rat'; did you mean 'rate'"),
        (
            {"x": {"rate": Field(int, default_value=1)}},
            {"x": {"rat": 1}},
            "no field 'x.rat'; did you mean 'rate'",
        ),
        ({"x": Field(Selector({"a": int, "b": int}))}, {"x": {"a": 1, "b": 2}}, "give exactly one of a, b"),
        ({"x": Selector({"a": int})}, {"x": {}}, "give exactly one of a"),
        ({"x": Enum("Size", [EnumValue("BIG")])}, {"x": "HUGE"}, "field 'x'.*'BIG'.*not 'HUGE'"),
        ({"x": int}, 3, "the config of 'op' should be fields"),
        (int, "many", "field 'value'.*not 'many'"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(schema, written, message):
    with pytest.raises(InvalidConfigError, match=message):
        op_config(schema, written)


def test_every_mistake_is_in_one_message():
    with pytest.raises(InvalidConfigError) as raised:
        op_config({"a": int, "b": int, "rate": float}, {"rate": "x", "ratee": 1})
    lines = str(raised.value).splitlines()
    assert len(lines) == 3
    assert "needs values for 'a', 'b'" in lines[0]


def test_a_variable_of_the_environment_may_stand_for_any_value_and_be_a_default(monkeypatch):
    schema = {"password": Field(StringSource, default_value={"env": "PASSWORD"}), "port": int}
    made = make_config(config_class(schema, "op"), {"port": {"env": "PORT"}}, "x")
    assert made.recorded() == {"password": "$PASSWORD", "port": "$PORT"}
    monkeypatch.setenv("PASSWORD", "s3cr3t")
    monkeypatch.setenv("PORT", "12")
    assert plain_config(made.resolved()) == {"password": "s3cr3t", "port": 12}


def test_what_is_not_given_is_not_there_after_the_environment_was_read_either(monkeypatch):
    monkeypatch.setenv("TOKEN", "t0ken")
    made = make_config(
        config_class({"x": Field(int, is_required=False), "y": str}, "op"), {"y": EnvVar("TOKEN")}, "x"
    )
    assert plain_config(made.resolved()) == {"y": "t0ken"}


def test_names_that_models_have_already_are_recorded_as_they_are_written():
    made = make_config(
        config_class({"schema": str, "copy": Field(int, default_value=1)}, "op"), {"schema": "s"}, "x"
    )
    assert made.recorded() == {"schema": "s", "copy": 1}


def test_a_config_class_is_its_own_schema():
    class Training(Config):
        rate: float

    assert config_class(Training, "op") is Training
    assert config_class(Field(Training), "op") is Training


@pytest.mark.parametrize("schema", [{"x": 3}, {"x": Field(int, default_value="many")}, {"x": {"y": "int"}}])
def test_what_is_no_type_is_refused_when_it_is_declared(schema):
    with pytest.raises(InvalidDefinitionError, match="the config_schema of train"):
        config_class(schema, "train")


SCHEMAS = st.sampled_from(
    [(int, st.integers()), (str, st.text()), (bool, st.booleans()), ([int], st.lists(st.integers()))]
)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(min_size=1), SCHEMAS, max_size=4), st.data())
def test_any_fields_come_out_as_they_went_in(fields, data):
    values = {name: data.draw(strategy) for name, (_, strategy) in fields.items()}
    assert op_config({name: schema for name, (schema, _) in fields.items()}, values) == values
