"""Resources that functions make."""

from __future__ import annotations

import pytest

from mlorch import EnvVar, Field, InitResourceContext, ResourceDefinition, resource
from mlorch.errors import InvalidConfigError


@resource(config_schema={"host": str, "port": Field(int, default_value=5432)})
def database(context):
    """A database."""
    return f"{context.resource_config['host']}:{context.resource_config['port']}"


def test_a_resource_is_called_as_in_a_test():
    assert database.configured({"host": "h"})() == "h:5432"
    assert database(InitResourceContext(resource_config={"host": "a", "port": 1})) == "a:1"
    assert ResourceDefinition.hardcoded_resource(3)() == 3
    assert resource(lambda: 4)() == 4
    assert database.description == "A database."


def test_its_config_is_checked_when_it_is_called_so():
    with pytest.raises(
        InvalidConfigError, match="the config of resource 'database' needs a value for 'host'"
    ):
        database()


def test_what_a_run_gives_goes_on_top_of_what_was_configured():
    made = database.configured({"host": "h", "port": 1})
    assert made.settled({"port": 2}, "x").recorded() == {"host": "h", "port": 2}
    with pytest.raises(InvalidConfigError, match="no field 'prt'; did you mean 'port'"):
        made.settled({"prt": 2}, "x")


def test_one_without_a_schema_takes_no_config():
    with pytest.raises(InvalidConfigError, match=r"it takes no config; declare @resource\(config_schema"):
        resource(lambda: 1).settled({"x": 1}, "the config of resource 'x'")


def test_a_variable_is_read_when_it_is_called(monkeypatch):
    monkeypatch.setenv("DB_HOST", "real")
    assert database.configured({"host": EnvVar("DB_HOST")})() == "real:5432"


def test_a_mock_takes_any_call_and_is_new_in_every_run():
    mock = ResourceDefinition.mock_resource()
    assert mock().anything(1, two=2) is not mock().anything(1, two=2)
