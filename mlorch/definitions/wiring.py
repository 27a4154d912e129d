"""Which resources there are for what asks for them, checked when definitions load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Any

from mlorch.definitions.factories import ResourceDefinition
from mlorch.definitions.fields import Fields, values_of
from mlorch.definitions.resources import (
    AtLaunch,
    ConfigurableResource,
    ConfigurableResourceFactory,
    wanted_class,
)
from mlorch.definitions.signature import EMPTY
from mlorch.errors import InvalidDefinitionError, MissingDefinitionError, nearest


def check_resource(owner: str, name: str, annotation: Any, resources: Mapping[str, Any]) -> None:
    """Check that there is the resource `name` that `owner` takes, and that it fits its annotation, if any.

    `owner` begins the message: "asset 'x'". Raises InvalidDefinitionError.
    """
    wanted = None if annotation is EMPTY else wanted_class(annotation)
    kind = getattr(wanted, "__name__", None)
    if name not in resources:
        shown, example = (f" ({kind})", f"{kind}(…)") if kind else ("", "…")
        raise MissingDefinitionError(
            f"{owner} takes the resource {name!r}{shown}, which the definitions do not give"
            f"{nearest(name, resources)}; add resources={{{name!r}: {example}}}"
        )
    if _is_factory(wanted):
        raise InvalidDefinitionError(
            f"{owner}: the resource {name!r} is annotated with {kind}, which makes something else; "
            "annotate it with ResourceParam[…] of what that is"
        )
    _check_kind(resources[name], wanted, f"{owner}: the resource {name!r}")


def check_nested(resources: Mapping[str, Any]) -> None:
    """Check what stands within resources: that it fits, is given, and requires nothing in a circle.

    Raises InvalidDefinitionError, naming the resource and the field.
    """
    named = {id(one) for one in resources.values()}
    for name, one in resources.items():
        _check_fields(one, f"the resource {name!r}", named)
        for key in required_keys(one):
            if key not in resources:
                raise MissingDefinitionError(
                    f"the resource {name!r} requires the resource {key!r}, which the definitions do not give"
                    f"{nearest(key, resources)}"
                )
    _refuse_circles({name: required_keys(one) for name, one in resources.items()})


def makes_something(found: Any) -> bool:
    """Tell a resource of which only a run shows what it is."""
    kind = found.kind if isinstance(found, AtLaunch) else type(found)
    return isinstance(found, ResourceDefinition) or _is_factory(kind)


def required_keys(found: Any) -> frozenset[str]:
    """Return the names of the resources that a resource requires, itself or within."""
    own = found.required_resource_keys if isinstance(found, ResourceDefinition) else frozenset()
    return own.union(*(required_keys(one) for one in nested(found)))


def nested(found: Any) -> Iterator[Any]:
    """Yield the resources that stand within a resource, also in its lists and dicts."""
    parts: Iterable[Any] = ()
    if isinstance(found, AtLaunch):
        parts = found.values.values()
    elif isinstance(found, Fields):
        parts = values_of(found).values()
    elif isinstance(found, list | tuple):
        parts = found
    elif isinstance(found, dict):
        parts = found.values()
    for part in parts:
        if isinstance(part, Fields | AtLaunch | ResourceDefinition):
            yield part
        elif isinstance(part, list | tuple | dict):
            yield from nested(part)


def _check_fields(found: Any, where: str, named: set[int]) -> None:
    fields = type(found).model_fields if isinstance(found, Fields) else {}
    for name, field in fields.items():
        value, place = getattr(found, name), f"{where}, field {name!r}"
        if isinstance(value, AtLaunch) and id(value) not in named:
            raise InvalidDefinitionError(
                f"{place}: a {value.kind.__name__} that is configured at launch has to stand in resources=… "
                "of the definitions as well, under the name that a run configures"
            )
        if value is not None and getattr(field.annotation, "mlorch_role", None) == "resource":
            _check_kind(value, wanted_class(field.annotation), place)
        _check_fields(value, place, named)


def _check_kind(given: Any, wanted: Any, where: str) -> None:
    kind = given.kind if isinstance(given, AtLaunch) else type(given)
    if not isinstance(wanted, type | UnionType) or wanted is Any or makes_something(given):
        return
    try:
        fits = issubclass(kind, wanted)
    except TypeError:
        # A protocol that can't be asked about at run time.
        return
    if not fits:
        raise InvalidDefinitionError(
            f"{where} should be a {getattr(wanted, '__name__', wanted)}, not a {kind.__name__}"
        )


def _is_factory(kind: Any) -> bool:
    """Tell a class whose resources make something else, of a class nobody knows."""
    if not isinstance(kind, type) or not issubclass(kind, ConfigurableResourceFactory):
        return False
    return kind.create_resource is not ConfigurableResource.create_resource


def _refuse_circles(requires: Mapping[str, frozenset[str]]) -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " → ".join((*path[path.index(name) :], name))
            raise InvalidDefinitionError(f"resources require each other in a circle: {circle}")
        if name not in done:
            for one in sorted(requires[name]):
                visit(one, (*path, name))
            done.add(name)

    for name in requires:
        visit(name, ())
