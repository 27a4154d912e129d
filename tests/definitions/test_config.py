"""Config, environment variables and what is recorded of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from pydantic import model_validator

from mlorch import Config, ConfigurableResource, EnvVar, PermissiveConfig, RunConfig
from mlorch.definitions.config import default_config, make_config
from mlorch.definitions.fields import mask
from mlorch.errors import InvalidConfigError


class Training(Config):
    rate: float = 0.1
    depth: int = 3


class Needs(Config):
    target: str


class Warehouse(ConfigurableResource):
    url: str
    port: int = 5432


def test_defaults_are_filled_in_and_values_converted():
    assert make_config(Training, {"rate": "0.5"}, "x") == Training(rate=0.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"deph": 3}, r"has no field 'deph'; did you mean 'depth'\? \(it has: rate, depth\)"),
        ({"depth": "deep"}, r"field 'depth'.*not 'deep'"),
    ],
)
def test_a_wrong_field_is_named_with_what_would_be_right(given, message):
    with pytest.raises(InvalidConfigError, match=message):
        make_config(Training, given, "the config of asset 'm'")


def test_a_field_without_a_value_is_named():
    with pytest.raises(InvalidConfigError, match="needs a value for 'target'"):
        make_config(Needs, {}, "the config of asset 'm'")


def test_a_config_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Training().depth = 4


def test_an_environment_variable_is_read_late_and_shown_by_name_only(monkeypatch):
    warehouse = Warehouse(url=EnvVar("WAREHOUSE_URL"), port=EnvVar.int("WAREHOUSE_PORT"))
    monkeypatch.setenv("WAREHOUSE_URL", "pg://secret")
    monkeypatch.setenv("WAREHOUSE_PORT", "1234")
    resolved = warehouse.resolved()
    assert (resolved.url, resolved.port) == ("pg://secret", 1234)
    assert warehouse.secrets() == {"pg://secret", "1234"}
    assert "secret" not in f"{warehouse!r} {warehouse.url} {warehouse}"


def test_a_missing_environment_variable_is_named(monkeypatch):
    monkeypatch.delenv("WAREHOUSE_URL", raising=False)
    with pytest.raises(InvalidConfigError, match="WAREHOUSE_URL is not set"):
        Warehouse(url=EnvVar("WAREHOUSE_URL")).resolved()


def test_an_environment_variable_that_does_not_fit_is_named_and_not_shown(monkeypatch):
    monkeypatch.setenv("WAREHOUSE_PORT", "hunter2")
    with pytest.raises(InvalidConfigError, match="WAREHOUSE_PORT must hold a whole number") as raised:
        Warehouse(url="x", port=EnvVar.int("WAREHOUSE_PORT")).resolved()
    assert "hunter2" not in str(raised.value)


def test_unknown_fields_are_refused_beside_environment_variables_too():
    with pytest.raises(InvalidConfigError, match="no field 'urll'; did you mean 'url'"):
        Warehouse(urll=EnvVar("X"))  # type: ignore[call-arg]


def test_nested_resources_are_resolved_and_their_secrets_known(monkeypatch):
    class Loader(ConfigurableResource):
        warehouse: Warehouse

    monkeypatch.setenv("WAREHOUSE_URL", "hidden")
    loader = Loader(warehouse=Warehouse(url=EnvVar("WAREHOUSE_URL")))
    assert loader.resolved().warehouse.url == "hidden"
    assert loader.secrets() == {"hidden"}


def test_passwords_in_urls_are_masked_wherever_they_stand():
    given = {"a": "postgresql://me:pa55@db/x", "b": ["https://u:p@h/", "plain"], "c": 3}
    assert mask(given) == {"a": "postgresql://me:***@db/x", "b": ["https://u:***@h/", "plain"], "c": 3}


def test_an_environment_variable_in_a_config_is_recorded_by_name(monkeypatch):
    monkeypatch.setenv("TARGET", "hidden")
    config = Needs(target=EnvVar("TARGET"))
    assert config.recorded() == {"target": "$TARGET"}
    assert config.resolved().target == "hidden"


def test_run_config_takes_configs_and_plain_fields_alike():
    given = RunConfig(ops={"model": Training(rate=0.5), "other": {"depth": 2}})
    assert given.to_config_dict() == {
        "ops": {"model": {"config": {"rate": 0.5, "depth": 3}}, "other": {"config": {"depth": 2}}}
    }


def test_a_field_that_is_missing_beside_an_environment_variable_is_named_at_once():
    with pytest.raises(InvalidConfigError, match="Warehouse needs a value for 'url'"):
        Warehouse(port=EnvVar.int("WAREHOUSE_PORT"))  # type: ignore[call-arg]


def test_a_permissive_config_keeps_unknown_fields_and_their_environment_variables(monkeypatch):
    class Anything(PermissiveConfig):
        known: int = 1

    monkeypatch.setenv("EXTRA", "hidden")
    config = make_config(Anything, {"other": [1, 2], "extra": EnvVar("EXTRA")}, "x")
    assert config.recorded() == {"known": 1, "other": [1, 2], "extra": "$EXTRA"}
    assert config.resolved().model_dump() == {"known": 1, "other": [1, 2], "extra": "hidden"}
    assert config.secrets() == {"hidden"}


def test_sets_are_recorded_in_the_same_order_in_every_process():
    program = (
        "from mlorch import Config\n"
        "class Chosen(Config):\n"
        "    columns: set[str] = {'origin', 'dest', 'hour', 'carrier'}\n"
        "    nested: dict[str, tuple[set[str], ...]] = {'a': ({'x', 'y', 'z'}, set())}\n"
        "print(Chosen().recorded())\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (1, 2, 3)
    }
    assert printed == {
        "{'columns': ['carrier', 'dest', 'hour', 'origin'], 'nested': {'a': [['x', 'y', 'z'], []]}}\n"
    }


def test_a_number_from_the_environment_is_recorded_by_name_too():
    class Sized(Config):
        size: int = 3

    assert Sized(size=EnvVar.int("SIZE")).recorded() == {"size": "$SIZE"}


def test_a_value_that_json_cannot_hold_is_refused_by_its_config():
    class Odd(Config):
        thing: object = object()

    with pytest.raises(InvalidConfigError, match="Odd can't be recorded as JSON"):
        Odd().recorded()


def test_a_config_whose_defaults_do_not_hold_is_one_that_a_run_has_to_give():
    class Either(Config):
        path: str | None = None
        url: str | None = None

        @model_validator(mode="after")
        def has_one(self):
            if not (self.path or self.url):
                raise ValueError("give path or url")
            return self

    assert default_config(Either) is None
    assert default_config(Needs) is None
    assert default_config(Training) == Training()
    with pytest.raises(InvalidConfigError, match="give path or url"):
        make_config(Either, {}, "x")


def test_a_field_name_that_is_no_text_is_an_unknown_field():
    with pytest.raises(InvalidConfigError, match="has no field '1'"):
        make_config(Training, {1: 2}, "x")  # type: ignore[dict-item]
