"""@asset: keys, dependencies and roles of parameters."""

from __future__ import annotations

import pickle

import pytest

from mlorch import (
    AUTO,
    AssetDep,
    AssetExecutionContext,
    AssetIn,
    AssetKey,
    Config,
    ConfigurableResource,
    MaterializeResult,
    Output,
    asset,
)
from mlorch.errors import InvalidDefinitionError


class Rate(Config):
    rate: float = 0.1


class Warehouse(ConfigurableResource):
    url: str = "local"


@asset
def importable() -> int:
    """Counts."""
    return 3


def test_the_function_gives_the_name_and_the_description_and_stays_callable():
    assert str(importable.key) == "importable"
    assert importable.spec.description == "Counts."
    assert importable() == 3


def test_arguments_name_upstream_assets_and_other_parameters_have_their_roles():
    @asset
    def model(
        context: AssetExecutionContext, config: Rate, warehouse: Warehouse, features: list[int], labels
    ) -> float:
        return 1.0

    signature = model.op.signature
    assert (signature.context, signature.config) == ("context", Rate)
    assert dict(signature.resources) == {"warehouse": Warehouse}
    assert [one.key for one in model.dependencies] == ["features", "labels"]
    assert model.dependencies[0].annotation == list[int]
    assert signature.returns is float


def test_ins_and_deps_say_where_arguments_and_order_come_from():
    @asset(
        key_prefix=["ml", "models"],
        ins={"x": AssetIn("raw"), "y": AssetIn(key_prefix="clean")},
        deps=["flag", AssetDep("other/thing"), importable],
    )
    def churn(x, y):
        return x

    assert churn.key == AssetKey(["ml", "models", "churn"])
    assert [(one.key, one.argument) for one in churn.dependencies] == [
        ("raw", "x"),
        ("clean/y", "y"),
        ("flag", None),
        ("other/thing", None),
        ("importable", None),
    ]


def test_keyword_arguments_take_every_input_that_ins_names():
    @asset(ins={"a": AssetIn("one"), "b": AssetIn("two")})
    def both(**given: int) -> int:
        return sum(given.values())

    assert [(one.key, one.argument) for one in both.dependencies] == [("one", "a"), ("two", "b")]
    assert both(a=1, b=2) == 3


def test_the_type_of_the_value_is_taken_out_of_output_and_materialize_result():
    @asset
    def wrapped() -> Output[int]:
        return Output(1)

    @asset
    def told() -> MaterializeResult[str]:
        return MaterializeResult(value="x")

    assert wrapped.op.signature.returns is int
    assert told.op.signature.returns is str


@pytest.mark.parametrize("name", ["context", "config", "type"])
def test_reserved_names_are_refused(name):
    with pytest.raises(InvalidDefinitionError, match=f"'{name}' is reserved"):
        asset(name=name)(lambda: 1)


@pytest.mark.parametrize("name", ["has space", "a/b", "..", "", "x\ny", "../up", "ünit"])
def test_names_that_are_no_safe_file_names_are_refused(name):
    with pytest.raises(InvalidDefinitionError):
        asset(key=[name])(lambda: 1)


def test_an_unknown_argument_of_the_decorator_is_named():
    with pytest.raises(InvalidDefinitionError, match="no argument 'partition_def'"):
        asset(partition_def=None)  # type: ignore[call-overload]


def test_an_annotation_that_cannot_be_evaluated_names_asset_and_parameter():
    with pytest.raises(InvalidDefinitionError, match=r"asset 'lost', parameter 'x'.*'Missing'"):

        @asset
        def lost(x: Missing) -> int:  # type: ignore[name-defined]  # noqa: F821
            return 1


def test_an_input_that_is_no_parameter_is_refused():
    with pytest.raises(InvalidDefinitionError, match="ins names 'z', which is no parameter"):

        @asset(ins={"z": AssetIn("raw")})
        def one(x):
            return x


def test_positional_only_parameters_cannot_be_filled():
    with pytest.raises(InvalidDefinitionError, match="'x' can't be filled by name"):

        @asset
        def one(x, /):
            return x


def test_an_importable_asset_travels_by_its_name():
    assert pickle.loads(pickle.dumps(importable)) is importable


def test_auto_is_kept_as_declared():
    @asset(code_version=AUTO)
    def one():
        return 1

    assert one.spec.code_version is AUTO


def test_a_data_version_is_declared_as_content_or_not_at_all():
    with pytest.raises(InvalidDefinitionError, match="asset 'one': data_version can be CONTENT"):
        asset(name="one", data_version="v1")(lambda: 1)  # type: ignore[call-overload]
