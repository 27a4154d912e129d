"""Resources are checked when definitions load: that each is there, fits, and stands in no circle."""

from __future__ import annotations

from typing import Any, Protocol

import pytest

from mlorch import (
    ConfigurableResource,
    ConfigurableResourceFactory,
    Definitions,
    ResourceDefinition,
    ResourceDependency,
    ResourceParam,
    asset,
    resource,
)
from mlorch.definitions.signature import EMPTY
from mlorch.definitions.wiring import check_nested, check_resource, nested, required_keys
from mlorch.errors import InvalidDefinitionError


class Engine:
    """What a factory makes."""


class Credentials(ConfigurableResource):
    user: str


class EngineFactory(ConfigurableResourceFactory[Engine]):
    url: str = "x"

    def create_resource(self, context):
        return Engine()


class Bucket(ConfigurableResource):
    credentials: Credentials
    engine: ResourceDependency[Engine]


class Speaks(Protocol):
    def speak(self) -> str: ...


@pytest.mark.parametrize(
    ("annotation", "given"),
    [
        (Credentials, Credentials(user="a")),
        (ResourceParam[Engine], Engine()),
        (ResourceParam[Engine], EngineFactory()),
        (ResourceParam[Engine], ResourceDefinition.hardcoded_resource(3)),
        (ResourceParam[Any], 3),  # type: ignore[misc]
        (ResourceParam[Speaks], 4),
        (ResourceParam[dict[str, int]], {}),
        (Credentials, Credentials.configure_at_launch()),
        (None, object()),
        (EMPTY, object()),
    ],
)
def test_what_fits_is_taken(annotation, given):
    check_resource("asset 'x'", "it", annotation, {"it": given})


@pytest.mark.parametrize(
    ("annotation", "given", "message"),
    [
        (
            Credentials,
            Bucket(credentials=Credentials(user="a"), engine=Engine()),
            "'it' should be a Credentials, not a Bucket",
        ),
        (ResourceParam[Engine], "text", "'it' should be a Engine, not a str"),
        (Credentials, Bucket.configure_at_launch(), "'it' should be a Credentials, not a Bucket"),
        (
            EngineFactory,
            EngineFactory(),
            r"EngineFactory, which makes something else; annotate it with ResourceParam",
        ),
    ],
)
def test_what_does_not_fit_is_refused(annotation, given, message):
    with pytest.raises(InvalidDefinitionError, match=message):
        check_resource("asset 'x'", "it", annotation, {"it": given})


def test_what_is_missing_is_named_with_the_nearest():
    with pytest.raises(
        InvalidDefinitionError, match=r"takes the resource 'warehouse'.*did you mean 'warehose'"
    ):
        check_resource("asset 'x'", "warehouse", None, {"warehose": 1})


def test_an_asset_that_takes_plain_objects_is_checked_too():
    @asset
    def made(engine: ResourceParam[Engine]) -> int:
        return 1

    with pytest.raises(
        InvalidDefinitionError, match=r"asset 'made': the resource 'engine' should be a Engine"
    ):
        Definitions([made], resources={"engine": 3})
    Definitions([made], resources={"engine": EngineFactory()})


def test_what_stands_within_a_resource_has_to_fit_its_field():
    with pytest.raises(
        InvalidDefinitionError, match="'bucket', field 'engine' should be a Engine, not a int"
    ):
        check_nested({"bucket": Bucket(credentials=Credentials(user="a"), engine=3)})  # type: ignore[arg-type]
    check_nested({"bucket": Bucket(credentials=Credentials(user="a"), engine=EngineFactory())})


def test_what_is_configured_at_launch_within_another_stands_on_its_own_too():
    credentials = Credentials.configure_at_launch()
    bucket = Bucket(credentials=credentials, engine=Engine())
    with pytest.raises(
        InvalidDefinitionError, match="field 'credentials': a Credentials that is configured at launch"
    ):
        check_nested({"bucket": bucket})
    check_nested({"bucket": bucket, "credentials": credentials})


def requiring(*names):
    @resource(required_resource_keys=set(names))
    def made(context):
        return None

    return made


def test_a_required_resource_that_is_not_there_is_named():
    with pytest.raises(InvalidDefinitionError, match=r"'a' requires the resource 'bb'.*did you mean 'b'"):
        check_nested({"a": requiring("bb"), "b": 1})


def test_a_circle_is_drawn():
    with pytest.raises(InvalidDefinitionError, match="in a circle: a → b → c → a"):
        check_nested({"a": requiring("b"), "b": requiring("c"), "c": requiring("a")})
    check_nested({"a": requiring("b", "c"), "b": requiring("c"), "c": requiring()})


def test_what_stands_within_is_found_in_lists_and_dicts():
    class Many(ConfigurableResource):
        several: list[Credentials]
        by_name: dict[str, Any]

    a, b = Credentials(user="a"), Credentials(user="b")
    many = Many(several=[a], by_name={"b": b, "c": requiring("z")})
    assert list(nested(many))[:2] == [a, b]
    assert required_keys(many) == {"z"}
