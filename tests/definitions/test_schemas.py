"""The run config of a job as JSON schema and as YAML to fill in."""

from __future__ import annotations

import json
from typing import Any, Literal

import yaml
from pydantic import Field

from mlorch import Config, ConfigurableResource, EnvVar, ResourceDependency, resource
from mlorch import Field as SchemaField
from mlorch.definitions.schemas import DIALECT, run_scaffold, run_schema, run_sections
from mlorch.definitions.shapes import config_class


class Window(Config):
    days: int
    zone: str = "UTC"


class Training(Config):
    """How a model is fitted."""

    rate: float = Field(0.1, gt=0, description="The learning rate.")
    target: str
    loss: Literal["l1", "l2"] = "l2"
    window: Window


class Database(ConfigurableResource):
    url: str
    password: str


class Store(ConfigurableResource):
    database: ResourceDependency[Database]
    retries: int = 3


DATABASE = Database(url="postgresql://me:pa55word@db/x", password=EnvVar("PASSWORD"))
LOAD = config_class({"path": str, "rows": SchemaField(int, default_value=10)}, "load")
MADE = resource(config_schema={"size": int})(lambda context: 1)
SECTIONS = run_sections(
    {("model",): Training, ("graph", "load"): LOAD, ("graph",): None, ("count",): config_class(int, "count")},
    {
        "database": DATABASE,
        "store": Store(database=DATABASE),
        "late": Database.configure_at_launch(url="u"),
        "made": MADE,
        "plain": 3,
    },
)


def config_at(schema: dict[str, Any], *path: str) -> dict[str, Any]:
    """The schema of a config, found as a reader of the schema would find it."""
    found: Any = schema
    for name in (*path, "config"):
        found = found["properties"][name]
    if "$ref" in found:
        found = schema["$defs"][found["$ref"].removeprefix("#/$defs/")]
    return dict(found)


def test_every_config_stands_at_its_place_with_defaults_titles_and_descriptions():
    schema = run_schema("The run config of job fit", SECTIONS)
    assert (schema["$schema"], schema["title"]) == (DIALECT, "The run config of job fit")
    model = config_at(schema, "ops", "model")
    assert model["description"] == "How a model is fitted."
    assert model["required"] == ["target", "window"]
    assert model["additionalProperties"] is False
    assert model["properties"]["rate"] == {
        "default": 0.1,
        "description": "The learning rate.",
        "exclusiveMinimum": 0,
        "title": "Rate",
        "type": "number",
    }
    assert model["properties"]["loss"]["enum"] == ["l1", "l2"]
    assert config_at(schema, "ops", "graph", "ops", "load")["properties"]["rows"]["default"] == 10
    assert config_at(schema, "ops", "count") == {"title": "Value", "type": "integer"}


def test_what_a_run_has_to_give_is_required_all_the_way_down():
    schema = run_schema("x", SECTIONS)
    assert schema["required"] == ["ops", "resources"]
    assert schema["properties"]["ops"]["required"] == ["model", "graph", "count"]
    assert schema["properties"]["resources"]["required"] == ["late", "made"]
    assert "required" not in run_schema("x", run_sections({("a",): config_class({}, "a")}, {}))


def test_resources_show_what_they_were_given_and_no_secret():
    schema = run_schema("x", SECTIONS)
    database = config_at(schema, "resources", "database")["properties"]
    assert database["url"]["default"] == "postgresql://me:***@db/x"
    assert database["password"]["default"] == {"env": "PASSWORD"}
    assert config_at(schema, "resources", "late")["required"] == ["password"]
    assert set(config_at(schema, "resources", "store")["properties"]) == {"retries"}
    assert "plain" not in schema["properties"]["resources"]["properties"]
    assert "pa55word" not in json.dumps(schema)


def test_every_reference_leads_somewhere():
    schema = run_schema("x", SECTIONS)

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if "$ref" in value else []
            return own + [one for inner in value.values() for one in references(inner)]
        return [one for inner in value for one in references(inner)] if isinstance(value, list) else []

    found = references(schema)
    assert found
    assert {one.removeprefix("#/$defs/") for one in found} <= set(schema["$defs"])


def test_the_form_to_fill_in_names_what_is_needed_and_says_what_there_is_besides():
    text = run_scaffold("The run config of job fit", SECTIONS, {("ops", "model"): {"target": "delay"}})
    assert yaml.safe_load(text) == {
        "ops": {
            "count": {"config": None},
            "graph": {"ops": {"load": {"config": {"path": None}}}},
            "model": {"config": {"target": "delay", "window": {"days": None}}},
        },
        "resources": {
            "database": {"config": None},
            "late": {"config": {"password": None}},
            "made": {"config": {"size": None}},
            "store": {"config": None},
        },
    }
    assert "# rate: 0.1  # float: The learning rate." in text
    assert '# password: {"env": "PASSWORD"}' in text
    assert "pa55word" not in text


def test_the_form_holds_when_every_comment_is_taken_away():
    lines = run_scaffold("x", SECTIONS, {}).splitlines()[1:]
    found = yaml.safe_load(
        "\n".join(line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line for line in lines)
    )
    assert found["ops"]["model"]["config"] == {
        "rate": 0.1,
        "target": None,
        "loss": "l2",
        "window": {"days": None, "zone": "UTC"},
    }
