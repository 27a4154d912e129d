"""The forms that people write in YAML, turned into what pydantic reads.

A value from the environment is {env: NAME}, a member of an Enum its name, one of a discriminated union
{TAG: {FIELD: …}}, as in Dagster. pydantic's own forms are left as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mlorch.definitions.environment import EnvVar, IntEnvVar


def read_fields(model: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was written for the fields of a model as pydantic reads it."""
    fields = dict(model.model_fields)
    fields.update({one.alias: one for one in model.model_fields.values() if one.alias})
    return {
        str(name): _field(fields[name], value) if name in fields else value for name, value in given.items()
    }


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that an annotation names, also within lists, dicts and unions."""
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def _field(field: FieldInfo, value: Any) -> Any:
    return read(field.annotation, value, field.discriminator)


def read(annotation: Any, value: Any, discriminator: Any = None) -> Any:
    """Return a value in the form that pydantic reads; the value itself where it has that form already."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        told = [one.discriminator for one in parts[1:] if isinstance(one, FieldInfo)]
        return read(parts[0], value, next(filter(None, told), discriminator))
    if origin in (Union, UnionType):
        if isinstance(discriminator, str) and isinstance(value, Mapping):
            return _selected(parts, value, discriminator)
        found = (read(part, value) for part in parts)
        return next((one for one in found if one is not value), value)
    if isinstance(value, Mapping):
        return _read_mapping(annotation, origin, parts, value)
    if isinstance(value, list) and isinstance(origin, type) and issubclass(origin, Sequence | Set) and parts:
        listed = [read(parts[0], one) for one in value]
        return value if all(one is other for one, other in zip(listed, value, strict=True)) else listed
    if isinstance(annotation, type) and issubclass(annotation, Enum) and isinstance(value, str):
        return annotation.__members__.get(value, value)
    return value


def _read_mapping(annotation: Any, origin: Any, parts: tuple[Any, ...], value: Mapping[Any, Any]) -> Any:
    if origin is None and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        found: Mapping[Any, Any] = read_fields(annotation, value)
    elif isinstance(origin, type) and issubclass(origin, Mapping) and len(parts) == 2:
        found = {name: read(parts[1], one) for name, one in value.items()}
    elif _is_scalar(annotation, origin) and value.keys() == {"env"} and isinstance(value["env"], str):
        return IntEnvVar(value["env"]) if annotation is int else EnvVar(value["env"])
    else:
        return value
    return value if all(found[name] is one for name, one in value.items() if name in found) else found


def _is_scalar(annotation: Any, origin: Any) -> bool:
    if origin is Literal:
        return True
    many = (BaseModel, Mapping, list, tuple, Set)
    if not isinstance(annotation, type) or annotation in (Any, object):
        return False
    return not issubclass(annotation, many)


def _selected(arms: tuple[Any, ...], value: Mapping[str, Any], discriminator: str) -> Any:
    """Return {discriminator: tag, field: …} of {tag: {field: …}}, or of itself."""
    by_tag = {str(_plain(tag)): (tag, arm) for arm in arms for tag in _tags(arm, discriminator)}
    if discriminator in value:
        found = by_tag.get(str(_plain(value[discriminator])))
        return value if found is None else read_fields(found[1], value)
    tag = next(iter(value), "")
    if len(value) != 1 or tag not in by_tag or not isinstance(value[tag], Mapping | None):
        return value
    chosen, arm = by_tag[tag]
    return {discriminator: chosen, **read_fields(arm, value[tag] or {})}


def _tags(arm: Any, discriminator: str) -> tuple[Any, ...]:
    field = next((one.model_fields.get(discriminator) for one in models_in(arm)), None)
    return get_args(field.annotation) if field is not None else ()


def _plain(tag: Any) -> Any:
    return tag.value if isinstance(tag, Enum) else tag
