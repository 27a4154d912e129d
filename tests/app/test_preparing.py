"""What is settled before the first step: configs, resources, secrets, and what is recorded of definitions."""

from __future__ import annotations

from datetime import date

import pytest

from mlorch import (
    AssetIn,
    Config,
    ConfigurableResource,
    DailyPartitionsDefinition,
    Definitions,
    EnvVar,
    Instance,
    IOManager,
    RunConfig,
    asset,
    load_asset,
    materialize,
)
from mlorch.app.preparing import owners_of, resource_names, settle_owners
from mlorch.errors import InvalidConfigError, NotFoundError
from mlorch.execution import settling
from mlorch.execution.run import facts_of, settle_secrets


def settle_configs(graph, keys, run_config):
    found = settle_owners(list(owners_of(graph, keys)), graph, run_config)
    return {path[0]: config for path, config in found.items()}


def settle_resources(graph, keys, resources):
    names = {name for owner in owners_of(graph, keys) for name in resource_names(owner, graph)}
    return settling.settle_resources(resources, names)


class Training(Config):
    rate: float = 0.5
    token: str = "none"


class Needs(Config):
    target: str


class Api(ConfigurableResource):
    token: str


@asset(key_prefix="ml")
def model(config: Training) -> float:
    return config.rate


@asset
def scored(config: Needs) -> str:
    return config.target


@asset
def plain() -> int:
    return 1


GRAPH = Definitions([model, scored, plain]).graph


class Shelf(IOManager):
    """Keeps values in a dict."""

    def __init__(self) -> None:
        self.kept: dict[str, object] = {}

    def handle_output(self, context, obj):
        self.kept[context.path] = obj

    def load_input(self, context):
        return self.kept[context.path]


class RemoteShelf(ConfigurableResource, Shelf):
    """An IO manager that is configured as resources are."""

    password: str

    def __init__(self, **values):
        ConfigurableResource.__init__(self, **values)

    def handle_output(self, context, obj):
        SHELF[context.path] = (self.password, obj)

    def load_input(self, context):
        return SHELF[context.path][1]


SHELF: dict[str, tuple[str, object]] = {}


def test_each_asset_that_takes_a_config_has_it_with_its_defaults():
    configs = settle_configs(GRAPH, ["ml/model", "plain"], None)
    assert set(configs) == {"ml/model"}
    assert configs["ml/model"].value == Training()
    assert configs["ml/model"].recorded == {"rate": 0.5, "token": "none"}


@pytest.mark.parametrize("name", ["ml/model", "ml__model"])
def test_an_asset_with_a_prefix_is_named_in_two_ways(name):
    configs = settle_configs(GRAPH, ["ml/model"], {"ops": {name: {"config": {"rate": 2}}}})
    assert configs["ml/model"].value == Training(rate=2)


def test_another_value_is_another_digest_and_an_equal_one_is_the_same():
    def digest(rate):
        return settle_configs(GRAPH, ["ml/model"], RunConfig({"ml/model": Training(rate=rate)}))[
            "ml/model"
        ].digest

    assert digest(0.5) == settle_configs(GRAPH, ["ml/model"], None)["ml/model"].digest != digest(0.6)


def test_an_empty_section_means_the_defaults():
    configs = settle_configs(GRAPH, ["ml/model"], {"ops": {"ml/model": {"config": None}}})
    assert configs["ml/model"].value == Training()
    assert settle_configs(GRAPH, ["ml/model"], {"ops": None})["ml/model"].value == Training()


def test_a_config_that_needs_a_value_is_needed_only_where_its_asset_is_made():
    assert settle_configs(GRAPH, ["plain"], None) == {}
    with pytest.raises(InvalidConfigError, match="the config of 'scored' needs a value for 'target'"):
        settle_configs(GRAPH, ["plain", "scored"], None)


def test_the_config_of_an_asset_that_is_not_made_is_checked_all_the_same():
    given = {"ops": {"ml/model": {"config": {"rate": 2}}}}
    assert settle_configs(GRAPH, ["plain"], given) == {}
    with pytest.raises(InvalidConfigError, match="no field 'rat'"):
        settle_configs(GRAPH, ["plain"], {"ops": {"ml/model": {"config": {"rat": 2}}}})


def test_a_run_config_that_is_no_mapping_is_refused():
    with pytest.raises(InvalidConfigError, match=r"the run config should be \{ops: …\}, not \['ops'\]"):
        settle_configs(GRAPH, ["plain"], ["ops"])


def test_a_secret_in_a_config_is_masked_like_one_in_a_resource(monkeypatch):
    @asset
    def talks(context, config: Training) -> int:
        print(f"using {config.token}")
        raise ValueError(config.token)

    monkeypatch.setenv("TRAINING_TOKEN", "s3cr3t")
    instance = Instance.ephemeral()
    given = RunConfig({"talks": Training(token=EnvVar("TRAINING_TOKEN"))})
    materialize([talks], run_config=given, instance=instance, raise_on_error=False)
    text = "".join(repr(one) for one in instance.log.read())
    assert "using ***" in text
    assert "s3cr3t" not in text


def test_what_a_yaml_file_reads_as_a_date_is_recorded_as_text(tmp_path):
    class Window(Config):
        first: date

    @asset
    def days(config: Window) -> int:
        return config.first.day

    given = {"ops": {"days": {"config": {"first": date(2024, 1, 9)}}}}
    with Instance.local(tmp_path) as instance:
        assert materialize([days], run_config=given, instance=instance).asset_value("days") == 9
        assert materialize([days], run_config=RunConfig({"days": Window(first=date(2024, 1, 9))})).success
        started = instance.log.read(kinds={"run_started"})[0].event
    assert started.config == {"ops": {"days": {"config": {"first": "2024-01-09"}}}}


def test_longer_secrets_are_masked_before_those_that_they_contain():
    assert settle_secrets({"hunter", "22"}, {"hunter22", ""}, ["1"]) == ("hunter22", "hunter")


def test_only_the_resources_that_the_assets_take_are_resolved(monkeypatch):
    monkeypatch.delenv("MISSING", raising=False)

    @asset
    def fetched(api: Api) -> str:
        return api.token

    graph = Definitions([fetched, plain], resources={"api": Api(token="x")}).graph
    resources = {"api": Api(token=EnvVar("MISSING")), "other": 3}
    assert settle_resources(graph, ["plain"], resources) == ({}, frozenset())
    with pytest.raises(InvalidConfigError, match="MISSING is not set"):
        settle_resources(graph, ["fetched"], resources)


def test_what_is_fresh_needs_neither_its_config_nor_its_environment(monkeypatch):
    def graph(code):
        @asset(code_version="1")
        def fetched(api: Api, config: Needs) -> str:
            return f"{api.token} {config.target}"

        @asset(code_version=code)
        def read(fetched: str) -> int:
            return len(fetched)

        return [fetched, read]

    def make(code, config, *, only_stale=True):
        given = {"ops": {"fetched": {"config": config}}} if config else None
        return materialize(
            graph(code),
            run_config=given,
            only_stale=only_stale,
            instance=instance,
            resources={"api": Api(token=EnvVar("API_TOKEN"))},
        ).materializations

    instance = Instance.ephemeral()
    monkeypatch.setenv("API_TOKEN", "t0ken")
    assert len(make("1", {"target": "x"})) == 2
    monkeypatch.delenv("API_TOKEN")
    assert make("1", None) == []
    assert [one.step for one in make("2", None)] == ["read"]
    with pytest.raises(InvalidConfigError, match="no field 'targt'"):
        make("3", {"targt": "x"})
    with pytest.raises(InvalidConfigError, match="needs a value for 'target'"):
        make("3", None, only_stale=False)


def test_an_upstream_value_is_read_by_its_own_io_manager_though_only_the_reader_is_made():
    @asset(io_manager_key="shelf")
    def shelved() -> int:
        return 4

    @asset
    def reads(shelved: int) -> int:
        return shelved + 1

    instance, resources = Instance.ephemeral(), {"shelf": Shelf()}
    materialize([shelved, reads], selection="shelved", resources=resources, instance=instance)
    result = materialize([shelved, reads], selection="reads", resources=resources, instance=instance)
    assert result.asset_value("reads") == 5


def test_a_value_is_loaded_with_its_io_manager_and_without_what_made_it(monkeypatch):
    @asset(io_manager_key="remote")
    def fetched(api: Api) -> str:
        return api.token

    monkeypatch.setenv("TOKEN", "t0ken")
    monkeypatch.setenv("SHELF_PASSWORD", "p4ssword")
    resources = {"api": Api(token=EnvVar("TOKEN")), "remote": RemoteShelf(password=EnvVar("SHELF_PASSWORD"))}
    instance = Instance.ephemeral()
    materialize([fetched], resources=resources, instance=instance)
    assert SHELF["fetched"] == ("p4ssword", "t0ken")
    monkeypatch.delenv("TOKEN")
    definitions = Definitions([fetched], resources=resources)
    assert load_asset("fetched", instance=instance, definitions=definitions) == "t0ken"
    with pytest.raises(NotFoundError, match="read by the resource 'remote', which is no IO manager"):
        load_asset("fetched", instance=instance)


def test_what_is_recorded_of_a_definition_says_what_it_was():
    days = DailyPartitionsDefinition(start_date="2024-01-01")

    @asset(
        group_name="ml",
        kinds={"sklearn"},
        tags={"team": "a"},
        owners=["me@example.org"],
        deps=["upload"],
        ins={"x": AssetIn("raw")},
        metadata={"url": "https://me:pw@host/x"},
        partitions_def=days,
    )
    def fitted(x):
        """Fits."""

    found = facts_of(fitted.spec, fitted, ["raw", "upload"])
    assert found["source"].endswith("fitted")
    assert {name: value for name, value in found.items() if name != "source"} == {
        "group": "ml",
        "kinds": ["sklearn"],
        "tags": {"team": "a"},
        "owners": ["me@example.org"],
        "description": "Fits.",
        "deps": ["raw", "upload"],
        "partitions": str(days),
        "metadata": {"url": "https://me:***@host/x"},
    }
