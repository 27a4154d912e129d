"""What functions are called with."""

from __future__ import annotations

import pytest

from mlorch import (
    AssetIn,
    AssetKey,
    Config,
    ConfigurableResource,
    Instance,
    Nothing,
    StaticPartitionsDefinition,
    asset,
    materialize,
)
from mlorch.errors import NotFoundError, TypeCheckError
from mlorch.execution.arguments import path_of

SOME = StaticPartitionsDefinition(["a", "b"])


class Rate(Config):
    rate: int = 2


class Service(ConfigurableResource):
    name: str


@asset(key_prefix="raw")
def numbers():
    return [1, 2]


def test_each_parameter_is_filled_by_its_role():
    @asset(ins={"given": AssetIn(key=["raw", "numbers"])})
    def below(context, given, config: Rate, service: Service):
        return [context.asset_key.to_user_string(), given, config.rate, service.name]

    result = materialize([numbers, below], resources={"service": Service(name="s")})
    assert result.asset_value("below") == ["below", [1, 2], 2, "s"]


def test_keyword_arguments_take_what_ins_names():
    @asset(ins={"x": AssetIn(key=AssetKey(["raw", "numbers"])), "y": AssetIn("numbers", key_prefix=None)})
    def below(**given):
        return sorted(given)

    @asset(name="numbers")
    def other():
        return 1

    assert materialize([numbers, other, below]).asset_value("below") == ["x", "y"]


def test_an_argument_that_orders_only_is_not_given():
    @asset(ins={"after": AssetIn("raw/numbers", dagster_type=Nothing)})
    def below():
        return "made"

    result = materialize([numbers, below])
    assert result.asset_value("below") == "made"
    assert [one.asset for one in result.materializations] == ["raw/numbers", "below"]


def test_a_value_that_does_not_fit_its_annotation_is_refused_where_it_is_read():
    @asset(ins={"numbers": AssetIn(key_prefix="raw")})
    def below(numbers: dict):
        return numbers

    with pytest.raises(TypeCheckError, match=r"argument .numbers.: got list where its annotation"):
        materialize([numbers, below])


@asset(partitions_def=SOME)
def parts(context):
    return context.partition_key


def made_parts():
    instance = Instance.ephemeral()
    for key in ("a", "b"):
        materialize([parts], partition_key=key, instance=instance)
    return instance


def test_several_partitions_are_given_by_key_and_one_as_itself():
    @asset
    def whole(parts: dict[str, str]):
        return parts

    @asset(partitions_def=SOME)
    def same(parts: str):
        return parts * 2

    instance = made_parts()
    assert materialize([parts, whole], selection=["whole"], instance=instance).asset_value("whole") == {
        "a": "a",
        "b": "b",
    }
    again = materialize([parts, same], selection=["same"], partition_key="b", instance=instance)
    assert again.asset_value("same") == "bb"


def test_missing_partitions_are_an_error_unless_the_consumer_allows_them():
    def reading(**options):
        @asset(ins={"parts": AssetIn(**options)})
        def whole(parts: dict[str, str]):
            return sorted(parts)

        instance = Instance.ephemeral()
        materialize([parts], partition_key="b", instance=instance)
        return materialize([parts, whole], selection=["whole"], instance=instance).asset_value("whole")

    with pytest.raises(NotFoundError, match=r"parts\[a\], never materialized; materialize 'parts' first"):
        reading()
    assert reading(metadata={"allow_missing_partitions": True}) == ["b"]


def test_a_place_in_the_store_is_safe_and_of_one_partition_only():
    slots = [("a", None), ("a", "x"), ("a", "x/y"), ("a", "x%2Fy"), ("a", ".x"), ("p/a", None)]
    places = [path_of(slot) for slot in slots]
    assert places == ["a", "a/x", "a/x%2Fy", "a/x%252Fy", "a/%2Ex", "p/a"]
    assert len(set(places)) == len(slots)
