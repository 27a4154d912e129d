"""Ops called as in a test: values by position and by name, resources, configs, and mistakes."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from mlorch import Config, ConfigurableResource, Output, op
from mlorch.errors import InvalidConfigError, UserError


class Rate(Config):
    rate: int
    base: int = 1


class Store(ConfigurableResource):
    size: int = 1


@op
def add(x, y=3):
    return x + y


@op
def told(context, x):
    return context, x


@op
def scaled(x: int, config: Rate, store: Store) -> int:
    return x * config.rate * store.size + config.base


def test_values_are_given_by_position_and_by_name():
    assert add(1) == 4
    assert add(1, 2) == add(1, y=2) == add(x=1, y=2) == 3


def test_configs_and_resources_are_given_like_values():
    assert scaled(2, Rate(rate=3), Store(size=5)) == 31
    assert scaled(x=2, config={"rate": 3}, store=Store(size=5)) == 31


def test_doubles_stand_for_resources_contexts_and_configs():
    assert scaled(2, SimpleNamespace(rate=3, base=0), MagicMock(size=1)) == 6
    double = MagicMock()
    assert told(double, 1) == told(context=double, x=1) == (double, 1)
    assert told(None, 1) == (None, 1)


def test_a_default_stands_where_nothing_is_given():
    @op
    def counted(config: Rate = Rate(rate=7), store: Store | None = None):  # noqa: B008
        return config.rate

    class Easy(Config):
        n: int = 4

    @op
    def easy(config: Easy):
        return config.n

    assert counted() == 7
    assert easy() == 4


def test_what_is_returned_comes_back_as_it_is():
    @op
    def wrapped():
        return Output(1, metadata={"a": 2})

    @op
    def yielding():
        yield Output(1)
        yield Output(2, "other")

    assert wrapped().metadata == {"a": 2}
    assert [one.value for one in yielding()] == [1, 2]


def test_any_name_fits_where_any_is_taken():
    @op
    def loose(**values):
        return values

    assert loose(a=1, b=2) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (add, "op 'add' has no value for its argument 'x'; call it with x=…"),
        (lambda: add(1, 2, 3), "op 'add' takes 2 arguments (x, y), but was called with 3"),
        (lambda: add(1, x=2), "op 'add' was given its argument 'x' twice"),
        (lambda: add(1, z=2), "op 'add' takes no argument 'z'"),
        (
            lambda: told(x=1),
            "op 'told' takes a context; give it one first, build_asset_context() or build_op_context()",
        ),
        (
            lambda: scaled(2, Rate(rate=1)),
            (
                "op 'scaled' takes the resource 'store' (Store); "
                "give it as store=…, or in the context with resources={'store': …}"
            ),
        ),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(UserError) as caught:
        call()
    assert str(caught.value) == message


def test_a_config_is_checked():
    with pytest.raises(InvalidConfigError, match="the config of op 'scaled' needs a value for 'rate'"):
        scaled(2, store=Store())
    with pytest.raises(InvalidConfigError, match="the config of op 'scaled' has no field 'rat'"):
        scaled(2, {"rat": 1}, Store())
