"""The whole run config of a job: as a JSON schema for editors and forms, and as YAML to fill in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema
from pydantic_core import PydanticUndefined, to_jsonable_python

from mlorch.definitions.config import Config
from mlorch.definitions.environment import EnvVar
from mlorch.definitions.factories import ResourceDefinition
from mlorch.definitions.fields import Fields, mask, values_of
from mlorch.definitions.resources import AtLaunch, ConfigurableResourceFactory

Sections = Mapping[tuple[str, ...], type[BaseModel]]
"""The model of each config by where it stands: ("ops", "graph", "ops", "op"), ("resources", "db")."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def run_sections(
    wanted: Mapping[tuple[str, ...], type[Config] | None], resources: Mapping[str, Any]
) -> Sections:
    """Return every config that a run of these nodes, with these resources, can be given."""
    found: dict[tuple[str, ...], type[BaseModel]] = {}
    for path, kind in wanted.items():
        if kind is not None and kind.model_fields:
            found[node_place(path)] = kind
    for name, one in resources.items():
        model = _resource_model(name, one)
        if model is not None and model.model_fields:
            found["resources", name] = model
    return found


def node_place(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return where the config of a node stands: ("graph", "op") in ops.graph.ops.op."""
    return ("ops", *(part for name in path for part in (name, "ops")))[:-1]


def run_schema(title: str, sections: Sections) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a run config, with defaults, titles and descriptions."""
    models = list(dict.fromkeys(sections.values()))
    references, known = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/$defs/{model}"
    )
    root = _object({})
    for place, model in sections.items():
        _put(root, place, references[model, "validation"], _is_needed(model))
    properties = {**root["properties"], "execution": _EXECUTION, "loggers": _LOGGERS}
    found = {"$schema": DIALECT, "title": title, **root, "properties": properties}
    shown: dict[str, Any] = mask({**found, "$defs": _without_bare(known.get("$defs", {}), sections)})
    return shown


def run_scaffold(title: str, sections: Sections, given: Mapping[tuple[str, ...], Any]) -> str:
    """Return YAML to fill in: what has a default stands in comments.

    `given` has what a job says already, by where it stands; it is filled in.
    """
    lines = [f"# {title}. What is commented out has a default."]
    before: tuple[str, ...] = ()
    for place, model in sorted(sections.items()):
        shared = next((at for at, (a, b) in enumerate(zip(place, before, strict=False)) if a != b), 0)
        lines += [f"{'  ' * at}{_key(place[at])}:" for at in range(shared, len(place))]
        lines += _scaffold_of(model, "  " * len(place), given.get(place))
        before = place
    text: str = mask("\n".join(lines))
    return f"{text}\n"


_EXECUTION = {
    "type": "object",
    "title": "Where steps run",
    "description": 'For example {"config": {"multiprocess": {"max_concurrent": 4}}}.',
    "properties": {"config": {"type": "object"}},
}
_LOGGERS = {
    "type": "object",
    "title": "What context.log keeps",
    "description": 'For example {"console": {"config": {"log_level": "INFO"}}}.',
    "additionalProperties": {
        "type": "object",
        "properties": {"config": {"type": "object", "properties": {"log_level": {"type": "string"}}}},
    },
}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _put(root: dict[str, Any], place: tuple[str, ...], schema: Any, needed: bool) -> None:
    for name in (*place, "config"):
        if needed and name not in root.setdefault("required", []):
            root["required"].append(name)
        leaf = name == "config"
        root = root["properties"].setdefault(name, schema if leaf else _object({}))


def _is_needed(model: type[BaseModel]) -> bool:
    return any(one.is_required() for one in model.model_fields.values())


def _without_bare(known: dict[str, Any], sections: Sections) -> dict[str, Any]:
    """Show a config that is one value as the schema of that value."""
    bare = {kind.__name__ for kind in sections.values() if getattr(kind, "mlorch_is_bare", False)}
    return {name: one["properties"]["value"] if name in bare else one for name, one in known.items()}


def _with_defaults(name: str, kind: type[BaseModel], values: Mapping[str, Any]) -> type[BaseModel]:
    """Return the model of a resource with its values as defaults, and without fields that are resources."""
    fields: dict[str, Any] = {}
    for key, one in kind.model_fields.items():
        if getattr(one.annotation, "mlorch_role", None) != "resource":
            value = values.get(key, values.get(one.alias or key, PydanticUndefined))
            fields[key] = (one.annotation, _with_default(one, value))
    config = ConfigDict(
        arbitrary_types_allowed=True, extra=kind.model_config.get("extra"), title=kind.__name__
    )
    return create_model(f"{kind.__name__}_{name}", __config__=config, __doc__=kind.__doc__, **fields)


def _with_default(field: FieldInfo, value: Any) -> FieldInfo:
    if value is PydanticUndefined:
        return field
    shown = _shown(value)
    return FieldInfo.merge_field_infos(field, default=value, json_schema_extra={"default": shown})


def _shown(value: Any) -> Any:
    if isinstance(value, EnvVar):
        return {"env": str.__str__(value)}
    return value.recorded() if isinstance(value, Fields) else to_jsonable_python(value, fallback=str)


def _resource_model(name: str, found: Any) -> type[BaseModel] | None:
    if isinstance(found, ResourceDefinition):
        said = found.config.given() if isinstance(found.config, Fields) else found.config
        kind = found.config_class
        return _with_defaults(name, kind, said) if kind is not None and isinstance(said, Mapping) else kind
    if isinstance(found, AtLaunch):
        return _with_defaults(name, found.kind, found.values)
    if isinstance(found, ConfigurableResourceFactory):
        return _with_defaults(name, type(found), values_of(found))
    return None


def _scaffold_of(model: type[BaseModel], indent: str, given: Any) -> Iterator[str]:
    if getattr(model, "mlorch_is_bare", False):
        yield from _scaffold_field("config", model.model_fields["value"], indent, {"config": given})
        return
    yield f"{indent}config:"
    said = given.recorded() if isinstance(given, Fields) else given
    yield from _scaffold_fields(model, indent + "  ", said if isinstance(said, Mapping) else {})


def _scaffold_fields(model: type[BaseModel], indent: str, given: Mapping[str, Any]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield from _scaffold_field(field.alias or name, field, indent, given)


def _scaffold_field(key: str, field: FieldInfo, indent: str, given: Mapping[str, Any]) -> Iterator[str]:
    kind, said = field.annotation, given.get(key)
    if said is None and field.is_required() and isinstance(kind, type) and issubclass(kind, BaseModel):
        yield f"{indent}{_key(key)}:"
        yield from _scaffold_fields(kind, indent + "  ", {})
    elif said is not None or field.is_required():
        yield f"{indent}{_key(key)}:{'' if said is None else ' ' + _json(_shown(said))}  # {_about(field)}"
    else:
        yield f"{indent}# {_key(key)}: {_json(_default(field))}  # {_about(field)}"


def _default(field: FieldInfo) -> Any:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "default" in extra:
        return extra["default"]
    return _shown(field.get_default(call_default_factory=True, validated_data={}))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _about(field: FieldInfo) -> str:
    kind = field.annotation
    name = kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__origin__") else str(kind)
    text = name.replace("typing.", "")
    needed = ", needed" if field.is_required() else ""
    about = " ".join((field.description or "").split())
    return f"{text}{needed}{': ' + about if about else ''}"


def _key(name: str) -> str:
    return (
        name
        if name.replace("_", "a").replace("/", "a").isalnum() and not name.isdigit()
        else json.dumps(name)
    )
