"""Resources on their way through a run: set up when first asked for, torn down at the end."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from threading import RLock
from typing import Any, Self

from mlorch.definitions.config import plain_config
from mlorch.definitions.factories import ResourceDefinition
from mlorch.definitions.fields import Fields, values_of
from mlorch.definitions.resources import ConfigurableResourceFactory, InitResourceContext, RequiredResources
from mlorch.errors import MlorchError, ResourceError


def opened(
    resources: Mapping[str, Any], context: InitResourceContext
) -> AbstractContextManager[Mapping[str, Any]]:
    """Return the resources as steps are given them, each set up when it is first asked for.

    Leaving it tears down what was set up, in reverse order. What needs no setting up costs nothing, and
    neither do resources that are open already: a run opens them once, and each of its steps may ask again.
    """
    if isinstance(resources, OpenResources) or not any(_is_made(one) for one in resources.values()):
        return nullcontext(resources)
    return OpenResources(resources, context)


class OpenResources(Mapping[str, Any]):
    """Resources by name; asking for one sets it up. Pickled, they are what they were before."""

    def __init__(self, resources: Mapping[str, Any], context: InitResourceContext) -> None:
        self._resources = resources
        self._context = context
        self._open: dict[int, Any] = {}
        self._cleanups = ExitStack()
        # Steps in threads may ask at once; setting one up may ask for another.
        self._lock = RLock()

    def __getitem__(self, name: str) -> Any:
        """Return the resource. Raises ResourceError, naming it, where it can't be set up."""
        found = self._resources[name]
        if not _is_made(found):
            return found
        with self._lock:
            return self._ask(found, f"the resource {name!r}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._resources)

    def __len__(self) -> int:
        return len(self._resources)

    def __contains__(self, name: object) -> bool:
        return name in self._resources

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._cleanups.close()
            self._open.clear()

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self._resources),)

    def _ask(self, found: Any, where: str) -> Any:
        if id(found) not in self._open:
            about = f"{where} ({_kind(found)})"
            try:
                made = self._made(found, where)
            except MlorchError:
                raise
            except Exception as error:
                raise ResourceError(f"{about} can't be set up: {type(error).__name__}: {error}") from error
            self._open[id(found)] = made
        return self._open[id(found)]

    def _made(self, found: Any, where: str) -> Any:
        if isinstance(found, ResourceDefinition):
            return self._called(found, where)
        if not isinstance(found, ConfigurableResourceFactory):
            return self._with_open_parts(found, where)
        bound = self._with_open_parts(found, where).with_resource_context(self._context)
        entered = bound.yield_for_execution(self._context)
        made = entered.__enter__()
        self._cleanups.callback(self._clean_up, lambda: entered.__exit__(None, None, None), where)
        return made

    def _with_open_parts(self, found: Any, where: str) -> Any:
        """Return a resource or a value with the resources in it as they are when they are open."""
        if isinstance(found, Fields):
            values = values_of(found)
            parts = {name: self._part(one, f"{where}, field {name!r}") for name, one in values.items()}
            changed = {name: one for name, one in parts.items() if one is not values[name]}
            return found.model_copy(update=changed) if changed else found
        if isinstance(found, dict):
            return {name: self._part(one, where) for name, one in found.items()}
        return type(found)(self._part(one, where) for one in found)

    def _part(self, value: Any, where: str) -> Any:
        return self._ask(value, where) if _is_made(value) else value

    def _called(self, found: ResourceDefinition, where: str) -> Any:
        names = found.required_resource_keys
        context = replace(
            self._context,
            resource_config=plain_config(found.config),
            resources=RequiredResources(self, names, where),
        )
        made = found.call(context)
        if not inspect.isgenerator(made):
            return made
        value = next(made)
        self._cleanups.callback(self._clean_up, lambda: next(made, None), where)
        return value

    def _clean_up(self, do: Callable[[], object], where: str) -> None:
        try:
            do()
        except Exception:  # the others are torn down too, and what was made stays made
            self._context.log.exception("%s could not be torn down", where)


def _is_made(value: Any) -> bool:
    """Tell what is set up for a run, or holds such a thing, from plain values."""
    if isinstance(value, ConfigurableResourceFactory | ResourceDefinition):
        return True
    if isinstance(value, Fields):
        return any(_is_made(one) for one in values_of(value).values())
    if type(value) in (list, tuple):
        return any(_is_made(one) for one in value)
    return type(value) is dict and any(_is_made(one) for one in value.values())


def _kind(found: Any) -> str:
    return found.__name__ if isinstance(found, ResourceDefinition) else type(found).__name__
