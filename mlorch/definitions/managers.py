"""IO managers with config of their own, made from fields, a factory or a function."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, overload

from pydantic import PrivateAttr

from mlorch.definitions.config import plain_config
from mlorch.definitions.factories import ResourceDefinition
from mlorch.definitions.io import InputContext, IOManager, OutputContext, StoredValue
from mlorch.definitions.resources import ConfigurableResource, InitResourceContext
from mlorch.errors import InvalidDefinitionError

Making = Callable[[InitResourceContext], IOManager] | Callable[[], IOManager]


class ConfigurableIOManager(ConfigurableResource, IOManager):
    """An IO manager whose fields are its config, as those of a resource: an EnvVar may stand for any."""


class ConfigurableIOManagerFactory(ConfigurableIOManager):
    """Makes an IO manager from its fields, once in a process, when the first value is kept or read."""

    _made: IOManager | None = PrivateAttr(default=None)

    @abstractmethod
    def create_io_manager(self, context: InitResourceContext) -> IOManager:
        """Return what keeps the values."""

    def handle_output(self, context: OutputContext, obj: Any) -> StoredValue | None:
        return self._manager(context).handle_output(context, obj)

    def load_input(self, context: InputContext) -> Any:
        return self._manager(context).load_input(context)

    def _manager(self, context: OutputContext | InputContext) -> IOManager:
        if self._made is None:
            beginning = self._mlorch_context or InitResourceContext(resources=context.resources)
            made = self.create_io_manager(beginning)
            self._made = _checked(made, f"{type(self).__name__}.create_io_manager")
        return self._made

    def __getstate__(self) -> dict[Any, Any]:
        """Leave out what was made: a connection does not travel, and another process makes its own."""
        state = super().__getstate__()
        private = state.get("__pydantic_private__") or {}
        return {**state, "__pydantic_private__": {**private, "_made": None}}


class IOManagerDefinition(ResourceDefinition, IOManager):
    """An IO manager that a function makes; `configured` gives it its config.

    A run makes one before its first step. Without a run the last one is used, or one is made.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._made: dict[str, IOManager] = {}

    def configured(self, config: Any) -> IOManagerDefinition:
        """Return one with this config, which the function finds as `context.resource_config`."""
        one = IOManagerDefinition(
            self.function, self.config_class, self.description, self.required_resource_keys, config=config
        )
        one._made = self._made
        return one

    def call(self, context: InitResourceContext) -> Any:
        made = super().call(context)
        if not inspect.isgenerator(made):
            # What is read when the run has ended is read by what kept it: it may be in its memory alone.
            self._made[self._which()] = _checked(made, self.__name__)
        return made

    def handle_output(self, context: OutputContext, obj: Any) -> StoredValue | None:
        return self._manager().handle_output(context, obj)

    def load_input(self, context: InputContext) -> Any:
        return self._manager().load_input(context)

    def _manager(self) -> IOManager:
        made = self._made.get(self._which()) or self()
        if inspect.isgenerator(made):
            made = self._made[self._which()] = _checked(next(made), self.__name__)
        return made

    def _which(self) -> str:
        """Return what tells those of one definition apart that are configured differently."""
        return repr(plain_config(self.config))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what was made: a connection does not travel, and another process makes its own."""
        return {**vars(self), "_made": {}}


class InputManager(IOManager):
    """Reads values and keeps none; an AssetIn or In names it as its input_manager_key. Subclass it."""

    def handle_output(self, context: OutputContext, obj: Any) -> StoredValue | None:
        raise InvalidDefinitionError(f"{context}: an input manager reads only; name an IO manager to keep it")


class InputManagerDefinition(InputManager):
    """Reads values with a function."""

    def __init__(self, function: Callable[[InputContext], Any]) -> None:
        self.function = function

    def load_input(self, context: InputContext) -> Any:
        return self.function(context)


@overload
def io_manager(config_schema: Making) -> IOManagerDefinition: ...
@overload
def io_manager(
    config_schema: Any = None,
    description: str | None = None,
    required_resource_keys: Iterable[str] | None = None,
) -> Callable[[Making], IOManagerDefinition]: ...
def io_manager(
    config_schema: Any = None,
    description: str | None = None,
    required_resource_keys: Iterable[str] | None = None,
) -> Any:
    """Declare that a function makes an IO manager; it takes an InitResourceContext, or nothing."""
    if callable(config_schema) and not isinstance(config_schema, type):
        return IOManagerDefinition(config_schema)

    def define(function: Callable[..., Any]) -> IOManagerDefinition:
        return IOManagerDefinition(function, config_schema, description, required_resource_keys)

    return define


@overload
def input_manager(config_schema: Callable[..., Any]) -> InputManagerDefinition: ...
@overload
def input_manager(
    config_schema: Any = None,
    description: str | None = None,
    required_resource_keys: Iterable[str] | None = None,
) -> Callable[[Callable[..., Any]], InputManagerDefinition]: ...
def input_manager(
    config_schema: Any = None,
    description: str | None = None,
    required_resource_keys: Iterable[str] | None = None,
) -> Any:
    """Declare that a function reads an argument: it takes an InputContext and returns the value.

    What `required_resource_keys` name is there as `context.resources`.
    """
    if callable(config_schema) and not isinstance(config_schema, type):
        return InputManagerDefinition(config_schema)
    if config_schema is not None:
        raise InvalidDefinitionError("@input_manager takes no config; read it from a resource instead")
    return InputManagerDefinition


def _checked(made: Any, what: str) -> IOManager:
    if not isinstance(made, IOManager):
        raise InvalidDefinitionError(f"{what} should return an IOManager, not a {type(made).__name__}")
    return made
