"""Config, environment variables and what is recorded of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr, model_validator

from mlorch import Config, ConfigurableResource, EnvVar, PermissiveConfig, RunConfig
from mlorch.definitions.config import default_config, is_section, make_config, plain_config
from mlorch.definitions.fields import Resolving, mask, secrets_in
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
        make_config(Training, {1: 2}, "x")


class Window(Config):
    days: int = Field(gt=0)
    zone: str = "UTC"


class Report(Config):
    window: Window
    token: str
    names: list[str] = Field(default_factory=list)
    by_name: dict[str, int] = Field(default_factory=dict)


def test_what_stands_beside_a_variable_is_validated_at_once():
    with pytest.raises(InvalidConfigError) as raised:
        make_config(
            Report,
            {"token": EnvVar("TOKEN"), "window": {"days": 0, "zon": "x"}, "nam": 1},
            "the config of 'r'",
        )
    assert sorted(str(raised.value).splitlines()) == [
        "the config of 'r' has no field 'nam'; did you mean 'names'? (it has: window, token, names, by_name)",
        "the config of 'r' has no field 'window.zon'; did you mean 'zone'? (it has: days, zone)",
        "the config of 'r', field 'window.days': Input should be greater than 0, not 0",
    ]


def test_what_stands_beside_a_variable_is_converted_as_without_it():
    late = Report(token=EnvVar("TOKEN"), window={"days": "3"}, by_name={"a": "4"})  # type: ignore[arg-type, dict-item]
    assert late.window == Window(days=3)
    assert late.recorded() == {
        "window": {"days": 3, "zone": "UTC"},
        "token": "$TOKEN",
        "names": [],
        "by_name": {"a": 4},
    }


def test_variables_are_found_in_lists_dicts_and_nested_configs(monkeypatch):
    class Deep(Config):
        window: Window
        names: tuple[str, ...]
        by_name: dict[str, list[int]]

    for name, value in (("DAYS", "3"), ("NAME", "n"), ("SIZE", "7")):
        monkeypatch.setenv(name, value)
    deep = Deep(
        window=Window(days=EnvVar.int("DAYS")),
        names=("a", EnvVar("NAME")),
        by_name={"x": [1, EnvVar.int("SIZE")]},
    )
    assert deep.recorded() == {
        "window": {"days": "$DAYS", "zone": "UTC"},
        "names": ["a", "$NAME"],
        "by_name": {"x": [1, "$SIZE"]},
    }
    assert deep.resolved() == Deep(window=Window(days=3), names=("a", "n"), by_name={"x": [1, 7]})
    assert deep.secrets() == {"3", "n", "7"}


def test_a_field_default_may_be_a_variable(monkeypatch):
    class Access(Config):
        token: str = EnvVar("ACCESS_TOKEN")

    assert Access().recorded() == {"token": "$ACCESS_TOKEN"}
    monkeypatch.setenv("ACCESS_TOKEN", "s3cr3t")
    assert Access().resolved().token == "s3cr3t"


def test_each_object_is_resolved_once(monkeypatch):
    monkeypatch.setenv("WAREHOUSE_URL", "u")
    warehouse = Warehouse(url=EnvVar("WAREHOUSE_URL"))
    resolving = Resolving()
    assert resolving([warehouse, warehouse])[0] is resolving(warehouse)
    assert resolving.secrets == {"u"}
    plain = [Warehouse(url="x")]
    assert resolving(plain) is plain


def test_secrets_are_variables_the_passwords_of_their_urls_and_what_pydantic_keeps_secret(monkeypatch):
    class Keys(Config):
        key: SecretStr
        url: str

    monkeypatch.setenv("DB", "pg://me:pa55@h/x")
    keys = Keys(key=SecretStr("k3y"), url=EnvVar("DB"))
    assert secrets_in(keys) == {"k3y", "pg://me:pa55@h/x", "pa55"}
    assert "k3y" not in str(keys.recorded())


def test_aliases_are_the_names_that_are_written_and_recorded():
    class Odd(Config):
        schema_name: str = Field("main", alias="schema")

    made = make_config(Odd, {"schema": "s"}, "x")
    assert (made.schema_name, made.recorded(), plain_config(made)) == ("s", {"schema": "s"}, {"schema": "s"})
    assert made.resolved() is made


def test_what_is_no_mapping_is_no_config():
    with pytest.raises(InvalidConfigError, match="the config of 'x' should be fields"):
        make_config(Training, [1], "the config of 'x'")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"config": {}}, True),
        ({"ops": {}}, True),
        ({"config": 1, "ops": {}}, True),
        ({"rate": 1}, False),
        ({}, False),
    ],
)
def test_a_section_is_told_from_the_fields_of_a_config(given, expected):
    assert is_section(given) is expected


def test_a_run_config_has_sections_for_graphs_resources_execution_and_loggers(monkeypatch):
    given = RunConfig(
        ops={"graph": {"config": Training(), "ops": {"op": Training(rate=1)}}},
        resources={"db": Warehouse(url=EnvVar("DB"))},
        execution={"config": {"in_process": {}}},
        loggers={"console": {"config": {"log_level": "INFO"}}},
    )
    assert given.to_config_dict() == {
        "ops": {
            "graph": {
                "config": {"rate": 0.1, "depth": 3},
                "ops": {"op": {"config": {"rate": 1.0, "depth": 3}}},
            }
        },
        "resources": {"db": {"config": {"url": "$DB", "port": 5432}}},
        "execution": {"config": {"in_process": {}}},
        "loggers": {"console": {"config": {"log_level": "INFO"}}},
    }


@given(
    st.builds(
        dict,
        window=st.builds(dict, days=st.integers(1, 10**6), zone=st.text()),
        token=st.text(),
        names=st.lists(st.text()),
        by_name=st.dictionaries(st.text(), st.integers()),
    )
)
def test_what_was_recorded_makes_the_same_config_again(values):
    made = make_config(Report, values, "x")
    recorded = made.recorded()
    # A text that looks like a URL with a password is the one thing that is not recorded as it is.
    if mask(values) == values:
        assert make_config(Report, recorded, "x") == made
