"""Resources that a function makes: the decorator `@resource`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mlorch.definitions.config import Config, make_config, plain_config
from mlorch.definitions.fields import Resolving
from mlorch.definitions.resources import InitResourceContext
from mlorch.definitions.shapes import config_class
from mlorch.errors import InvalidConfigError


class ResourceDefinition:
    """A resource that a function makes, or yields to clean up after the run. Calling it is a direct call."""

    def __init__(
        self,
        resource_fn: Callable[..., Any],
        config_schema: Any = None,
        description: str | None = None,
        required_resource_keys: Iterable[str] | None = None,
        *,
        config: Any = None,
    ) -> None:
        self.function = resource_fn
        self.config_class = _class(config_schema, resource_fn)
        self.description = description or inspect.getdoc(resource_fn)
        self.required_resource_keys = frozenset(required_resource_keys or ())
        self.config = config
        self.__name__ = getattr(resource_fn, "__name__", "resource")
        self.__wrapped__ = resource_fn

    @staticmethod
    def hardcoded_resource(value: Any, description: str | None = None) -> ResourceDefinition:
        """Return a resource that is `value`."""
        return ResourceDefinition(lambda: value, description=description)

    @staticmethod
    def mock_resource(description: str | None = None) -> ResourceDefinition:
        """Return a resource that is a new MagicMock in every run."""
        return ResourceDefinition(_mock, description=description)

    def configured(self, config: Any) -> ResourceDefinition:
        """Return the resource with this config; what a run gives overrides its fields."""
        return ResourceDefinition(
            self.function, self.config_class, self.description, self.required_resource_keys, config=config
        )

    def settled(self, given: Any, where: str) -> Config | None:
        """Return the config of a run, or None of a resource that takes none. Raises InvalidConfigError."""
        if self.config_class is None:
            if given or self.config:
                raise InvalidConfigError(f"{where}: it takes no config; declare @resource(config_schema=…)")
            return None
        if isinstance(self.config, Mapping) and isinstance(given, Mapping):
            given = {**self.config, **given}
        return make_config(self.config_class, self.config if given in (None, {}) else given, where)

    def call(self, context: InitResourceContext) -> Any:
        """Return what the function returns; it may take the context or nothing."""
        return self.function(context) if inspect.signature(self.function).parameters else self.function()

    def __call__(self, context: InitResourceContext | None = None) -> Any:
        """Call the function, as in a test; the config that `configured` gave is in the context."""
        if context is None:
            config = self.settled(None, f"the config of resource {self.__name__!r}")
            context = InitResourceContext(resource_config=plain_config(Resolving()(config)))
        return self.call(context)

    def __repr__(self) -> str:
        return f"<resource {self.__name__}>"


def _mock() -> Any:
    from unittest.mock import MagicMock

    return MagicMock()


def resource(
    config_schema: Any = None,
    description: str | None = None,
    required_resource_keys: Iterable[str] | None = None,
) -> Any:
    """Declare that a function makes a resource; it takes an InitResourceContext, or nothing.

    A generator function yields the resource, and cleans up after the last step that may take it.
    """
    if callable(config_schema) and not isinstance(config_schema, type):
        return ResourceDefinition(config_schema)

    def define(function: Callable[..., Any]) -> ResourceDefinition:
        return ResourceDefinition(function, config_schema, description, required_resource_keys)

    return define


def _class(schema: Any, function: Callable[..., Any]) -> type[Config] | None:
    return None if schema is None else config_class(schema, getattr(function, "__name__", "resource"))
