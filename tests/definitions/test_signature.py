"""What a function asks for by its parameters, and what it says that it returns."""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from mlorch import AssetExecutionContext, Config, ConfigurableResource, MaterializeResult, Output
from mlorch.definitions.signature import EMPTY, Signature, read_signature
from mlorch.errors import InvalidDefinitionError

if TYPE_CHECKING:
    from decimal import Decimal


class Rate(Config):
    rate: float = 0.1


class Api(ConfigurableResource):
    url: str = "x"


def read(function, **names) -> Signature:
    return read_signature(function, "asset 'a'", names)


def test_every_parameter_has_its_role():
    def function(context, features: list[int], config: Rate, api: Api, labels, **more: Any) -> float:
        return 0.0

    signature = read(function)
    assert signature.context == "context"
    assert signature.config is Rate
    assert dict(signature.resources) == {"api": Api}
    assert dict(signature.arguments) == {"features": list[int], "labels": EMPTY}
    assert signature.takes_any
    assert signature.returns is float


def test_a_function_that_asks_for_nothing_says_so():
    signature = read(lambda: 1)
    assert (signature.context, signature.config, signature.takes_any) == (None, None, False)
    assert (dict(signature.resources), dict(signature.arguments)) == ({}, {})
    assert signature.returns is EMPTY


def test_the_context_may_have_any_name_that_is_annotated_so():
    def function(ctx: AssetExecutionContext):
        return ctx

    assert read(function).context == "ctx"


@pytest.mark.parametrize("first", ["_", "_context", "context_"])
def test_the_context_has_other_names_only_as_the_first_parameter(first):
    names: dict[str, Any] = {}
    exec(f"def leading({first}, x): return x\ndef following(x, {first}): return x", names)
    assert read(names["leading"]).context == first
    assert read(names["following"]).context is None
    assert list(read(names["following"]).arguments) == ["x", first]


def test_the_defaults_of_arguments_are_known():
    def function(context, features, labels=None, limit: int = 3, config: Rate = Rate()):  # noqa: B008
        return features, labels, limit, config

    assert read(function).defaults == {"labels": None, "limit": 3}


def test_annotations_that_are_text_see_what_is_around_the_function():
    class Local:
        pass

    def function(one: Local, other: Outer) -> Local:  # type: ignore[name-defined]  # noqa: F821
        return one

    signature = read(function, Local=Local, Outer=int)
    assert dict(signature.arguments) == {"one": Local, "other": int}
    assert signature.returns is Local


def test_annotations_that_are_text_see_the_variables_that_a_function_closes_over():
    def make(cls):
        def function(one: cls):  # type: ignore[valid-type]
            return cls, one

        return function

    assert dict(read(make(bytes)).arguments) == {"one": bytes}


def test_a_decorated_function_is_read_through_its_decorator():
    def traced(function):
        @functools.wraps(function)
        def wrapper(*args, **given):
            return function(*args, **given)

        return wrapper

    @traced
    def function(features: list[int], config: Rate) -> int:
        return 1

    signature = read(function)
    assert (dict(signature.arguments), signature.config, signature.takes_any) == (
        {"features": list[int]},
        Rate,
        False,
    )


def test_an_annotation_that_only_type_checkers_see_is_named_with_what_to_do():
    def function(price: Decimal):
        return price

    with pytest.raises(
        InvalidDefinitionError,
        match=r"asset 'a', parameter 'price': .*'Decimal'.*import its names at run time",
    ):
        read(function)


def test_a_return_annotation_that_cannot_be_evaluated_is_named():
    def function() -> Decimal:
        raise NotImplementedError

    with pytest.raises(InvalidDefinitionError, match=r"asset 'a', return value: .*'Decimal'"):
        read(function)


@pytest.mark.parametrize(
    ("function", "name"),
    [(lambda x, /: x, "x"), (lambda *things: things, "things")],
    ids=["positional only", "all positional"],
)
def test_a_parameter_that_cannot_be_filled_by_name_is_refused(function, name):
    with pytest.raises(InvalidDefinitionError, match=f"parameter '{name}' can't be filled by name"):
        read(function)


async def awaited():
    return 1


async def streamed():
    yield 1


@pytest.mark.parametrize("function", [awaited, streamed])
def test_a_function_that_has_to_be_awaited_is_refused(function):
    with pytest.raises(InvalidDefinitionError, match=r"asset 'a' can't be async; call asyncio.run\("):
        read(function)


def test_a_config_under_another_name_is_refused():
    def function(settings: Rate):
        return settings

    with pytest.raises(InvalidDefinitionError, match="'settings' holds a Config; name it 'config'"):
        read(function)


def single() -> Iterator[Output[int]]:
    yield Output(1)


def iterable() -> Iterable[int]:
    yield 1


def generator() -> Generator[MaterializeResult[int], None, None]:
    yield MaterializeResult(value=1)


@functools.wraps(single)
def wrapped(*args: Any) -> Any:
    return single(*args)


def iterator() -> Iterator[int]:
    return iter([1])


@pytest.mark.parametrize(
    ("function", "returns"),
    [
        (single, int),
        (iterable, int),
        (generator, int),
        (wrapped, int),
        (iterator, Iterator[int]),
    ],
    ids=["iterator", "iterable", "generator", "wrapped", "no generator"],
)
def test_a_generator_says_what_it_yields(function, returns):
    assert read(function).returns == returns


@pytest.mark.parametrize(
    ("annotation", "returns"),
    [
        (int, int),
        (None, None),
        (Output, EMPTY),
        (MaterializeResult, EMPTY),
        (Output[list[str]], list[str]),
        (MaterializeResult[int], int),
        (int | None, int | None),
    ],
    ids=str,
)
def test_the_value_is_taken_out_of_what_comes_with_it(annotation, returns):
    def function():
        return None

    function.__annotations__["return"] = annotation
    assert read(function).returns == returns
