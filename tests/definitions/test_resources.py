"""Resources: declared once, given by the name of a parameter, resolved when a run starts."""

from __future__ import annotations

import pytest

from mlorch import ConfigurableResource, Definitions, EnvVar, asset, materialize
from mlorch.errors import InvalidConfigError


class Connection(ConfigurableResource):
    url: str
    retries: int = 3

    def about(self) -> str:
        return f"{self.url} {self.retries}"


class Warehouse(ConfigurableResource):
    connection: Connection
    schema_name: str = "main"


@asset
def fetched(warehouse: Warehouse) -> str:
    return warehouse.connection.about()


def test_an_asset_is_given_the_resource_of_its_parameters_name(monkeypatch):
    monkeypatch.setenv("WAREHOUSE_URL", "pg://x")
    warehouse = Warehouse(connection=Connection(url=EnvVar("WAREHOUSE_URL")))
    assert materialize([fetched], resources={"warehouse": warehouse}).asset_value("fetched") == "pg://x 3"


def test_a_resource_is_used_in_tests_like_any_object():
    assert fetched(Warehouse(connection=Connection(url="a", retries=1))) == "a 1"


def test_the_environment_is_read_when_the_run_starts_and_not_when_the_resource_is_declared(monkeypatch):
    monkeypatch.delenv("WAREHOUSE_URL", raising=False)
    resources = {"warehouse": Warehouse(connection=Connection(url=EnvVar("WAREHOUSE_URL")))}
    Definitions([fetched], resources=resources)
    with pytest.raises(InvalidConfigError, match="WAREHOUSE_URL is not set; set it before the run"):
        materialize([fetched], resources=resources)
    for value in ("one", "two"):
        monkeypatch.setenv("WAREHOUSE_URL", value)
        assert materialize([fetched], resources=resources).asset_value("fetched") == f"{value} 3"


def test_a_value_from_the_environment_that_does_not_fit_is_named_and_not_shown(monkeypatch):
    class Sized(ConfigurableResource):
        size: int

    @asset
    def counted(sized: Sized) -> int:
        return sized.size

    monkeypatch.setenv("SIZE", "hunter2")
    with pytest.raises(InvalidConfigError, match="Sized, field 'size'") as raised:
        materialize([counted], resources={"sized": Sized(size=EnvVar("SIZE"))})  # type: ignore[arg-type]
    assert "hunter2" not in str(raised.value)
    monkeypatch.setenv("SIZE", "12")
    resources = {"sized": Sized(size=EnvVar("SIZE"))}  # type: ignore[arg-type]
    assert materialize([counted], resources=resources).asset_value("counted") == 12


def test_a_resource_is_frozen_and_refuses_unknown_fields():
    with pytest.raises(ValueError, match="frozen"):
        Connection(url="a").url = "b"
    with pytest.raises(ValueError, match="urll"):
        Connection(url="a", urll="b")  # type: ignore[call-arg]
