"""mlorch config: what a run can be told, and how it is told."""

from __future__ import annotations

import json

import pytest
import yaml

SHOP = '''\
from mlorch import Config, ConfigurableResource, Definitions, EnvVar, asset, define_asset_job


class Training(Config):
    """How the model is fitted."""

    rate: float = 0.5
    target: str


class Database(ConfigurableResource):
    url: str
    password: str = EnvVar("SHOP_PASSWORD")


@asset
def model(config: Training, database: Database) -> str:
    return f"{config.rate} {config.target} {database.url}"


@asset
def plain() -> int:
    return 1


defs = Definitions(
    assets=[model, plain],
    jobs=[
        define_asset_job(
            "fit", selection="model", config={"ops": {"model": {"config": {"target": "delay"}}}}
        )
    ],
    resources={"database": Database(url="db://x")},
)
'''


@pytest.fixture
def shop(project, monkeypatch):
    project.write("shop.py", SHOP)
    monkeypatch.setenv("SHOP_PASSWORD", "s3cr3t")
    return project


@pytest.mark.parametrize("name", ["fit", "model", "*"])
def test_the_schema_of_a_job_or_a_selection_is_printed(shop, name):
    answer = shop("config", "schema", name)
    assert answer.code == 0, answer.err
    schema = json.loads(answer.out)
    assert schema["properties"]["ops"]["properties"]["model"]["required"] == ["config"]
    assert schema["$defs"]["Training"]["properties"]["rate"]["default"] == 0.5
    assert schema["$defs"]["Database_database"]["properties"]["password"]["default"] == {
        "env": "SHOP_PASSWORD"
    }


def test_what_takes_no_config_has_an_empty_schema(shop):
    schema = json.loads(shop("config", "schema", "plain").out)
    assert set(schema["properties"]) == {"execution", "loggers"}


def test_the_form_of_a_job_has_what_the_job_says_and_holds(shop):
    answer = shop("config", "scaffold", "fit")
    assert yaml.safe_load(answer.out)["ops"] == {"model": {"config": {"target": "delay"}}}
    shop.write("run.yaml", answer.out)
    assert shop("config", "validate", "fit", "run.yaml").out == "run.yaml: fine\n"


def test_everything_that_is_wrong_is_told_at_once(shop):
    shop.write("run.yaml", "ops: {model: {config: {rat: 1}}, modle: {}}")
    answer = shop("config", "validate", "fit", "run.yaml")
    assert answer.code == 2
    for part in (
        "no field 'rat'; did you mean 'rate'",
        "a value for 'target'",
        "'modle', no asset or op; did you",
    ):
        assert part in answer.err


def test_a_resource_that_there_is_not_is_told(shop):
    answer = shop(
        "config",
        "validate",
        "*",
        "--config-json",
        '{"ops": {"model": {"config": {"target": "x"}}}, "resources": {"databse": {}}}',
    )
    assert answer.code == 2
    assert "names 'databse', no resource; did you mean 'database'" in answer.err


def test_an_unknown_name_is_no_selection(shop):
    answer = shop("config", "schema", "modl")
    assert answer.code == 2
    assert "did you mean 'model'" in answer.err


def test_several_files_go_on_top_of_each_other_and_text_on_top_of_all(shop):
    shop.write("one.yaml", "ops: {model: {config: {rate: 1, target: a}}}")
    shop.write("two.json", '{"ops": {"model": {"config": {"target": "b"}}}}')
    answer = shop(
        "materialize", "model", "-c", "one.yaml", "-c", "two.json", "--json",
        "--config-json", '{"ops": {"model": {"config": {"rate": 3}}}}',
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["materializations"][0]["config"] == {"rate": 3.0, "target": "b"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ops: {", "run.yaml is no valid YAML"),
        ("- ops", "run.yaml should hold {ops: {ASSET:"),
    ],
)
def test_a_file_that_can_not_be_read_as_a_run_config_is_named(shop, text, message):
    shop.write("run.yaml", text)
    answer = shop("config", "validate", "fit", "run.yaml")
    assert answer.code == 2
    assert message in answer.err


def test_a_file_that_is_not_there_or_holds_no_text_is_named(shop):
    assert "absent.yaml can't be read" in shop("config", "validate", "fit", "absent.yaml").err
    (shop.folder / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    answer = shop("config", "validate", "fit", "bytes.yaml")
    assert (answer.code, "bytes.yaml can't be read" in answer.err) == (2, True)


def test_the_settings_are_shown_with_where_they_came_from(project, monkeypatch):
    monkeypatch.setenv("MLORCH_EXECUTOR", "threads")
    answer = project("config", "show")
    assert answer.code == 0, answer.err
    rows = {words[0]: words[1:] for words in map(str.split, answer.out.splitlines())}
    assert rows["definitions"] == ["shop.py", "pyproject.toml,", "[tool.mlorch]"]
    assert rows["executor"] == ["threads", "MLORCH_EXECUTOR"]
    assert rows["workers"] == ["-", "default"]
    (one,) = json.loads(project("config", "show", "mlflow.enabled", "--json").out)
    where = f"{project.folder / 'pyproject.toml'}, [tool.mlorch.mlflow]"
    assert one == {"name": "mlflow.enabled", "value": False, "from": "file", "where": where}


def test_some_settings_are_asked_for_by_name_or_section(project):
    shown = project("config", "show", "retention", "data").out
    assert [line.split()[0] for line in shown.splitlines()[1:]] == [
        "data",
        "retention.runs",
        "retention.logs",
        "retention.ticks",
        "retention.values",
    ]
    answer = project("config", "show", "retentoin")
    assert (answer.code, "did you mean 'retention'" in answer.err) == (2, True)
