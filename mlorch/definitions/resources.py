"""What assets and ops need from outside, declared once and given by parameter name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import PrivateAttr, ValidationError
from pydantic_core import CoreSchema, core_schema

from mlorch.definitions.environment import Late
from mlorch.definitions.fields import Fields, explain
from mlorch.definitions.forms import read_fields
from mlorch.errors import InvalidConfigError, UserError, nearest

T = TypeVar("T")

if TYPE_CHECKING:
    ResourceParam = Annotated[T, "resource"]

    class ResourceDependency(Generic[T]):
        def __get__(self, instance: Any, owner: Any = None) -> T: ...
        def __set__(self, instance: Any, value: T | ConfigurableResourceFactory[T]) -> None: ...
else:

    class ResourceParam:
        """`x: ResourceParam[T]`: the parameter takes a resource that is any object of class T."""

        mlorch_role = "resource"

        def __class_getitem__(cls, wanted: Any) -> GenericAlias:
            # pydantic hands the arguments on as a tuple.
            return GenericAlias(cls, wanted if isinstance(wanted, tuple) else (wanted,))

        @classmethod
        def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:
            # What is given may be a resource that makes a T; definitions check it when they load.
            return core_schema.any_schema()

    class ResourceDependency(ResourceParam):
        """`x: ResourceDependency[T]`: the field of a resource takes another one that is, or makes, a T."""


class RequiredResources:
    """Resources by attribute: `context.resources.warehouse`."""

    def __init__(self, resources: Mapping[str, Any], names: frozenset[str], owner: str) -> None:
        self._resources = resources
        self._names = names
        self._owner = owner

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._names:
            raise UserError(
                f"{self._owner} asks for the resource {name!r}, which it does not declare"
                f"{nearest(name, self._names)}; add it to required_resource_keys"
            )
        return self._resources[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class InitResourceContext:
    """What a resource may know when it is set up."""

    resource_config: Any = None
    resources: Any = None
    """Those that it requires, by attribute."""
    run_id: str | None = None
    run: Any = None
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("mlorch.resources"))
    open_instance: Callable[[], Any] | None = None
    """Called when the instance is asked for: a step elsewhere opens its own only then."""

    @property
    def instance(self) -> Any:
        """The instance that the run belongs to, or None."""
        return None if self.open_instance is None else self.open_instance()


class ConfigurableResourceFactory(Fields, Generic[T]):
    """A resource that makes what assets are given: `create_resource` returns it.

    Fields are config; a field may be an `EnvVar`, read when the run starts, or another resource. An asset
    takes what it makes as `ResourceParam[T]`.
    """

    mlorch_role: ClassVar[str] = "resource"

    _mlorch_context: InitResourceContext | None = PrivateAttr(default=None)

    def create_resource(self, context: InitResourceContext) -> T:
        """Return what assets are given."""
        raise NotImplementedError(f"{type(self).__name__} has to say what it makes: def create_resource(…)")

    def setup_for_execution(self, context: InitResourceContext) -> None:
        """Prepare, before the first step that takes the resource."""

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        """Clean up, after the last step."""

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator[Any]:
        """Yield what assets are given; what stands after `yield` cleans up."""
        self.setup_for_execution(context)
        try:
            yield self.create_resource(context)
        finally:
            self.teardown_after_execution(context)

    @classmethod
    def configure_at_launch(cls, **values: Any) -> Any:
        """Return a resource whose other fields each run gives, in `resources` of its config."""
        return AtLaunch(cls, values)

    def with_resource_context(self, context: InitResourceContext) -> Self:
        """Return a copy that knows the context of its run."""
        made = self.model_copy()
        made._mlorch_context = context
        return made

    def get_resource_context(self) -> InitResourceContext:
        """Return the context of the run. Raises UserError outside a run."""
        if self._mlorch_context is None:
            raise UserError(
                f"{type(self).__name__} has a context only during a run; in a test give it one: "
                "resource.with_resource_context(InitResourceContext())"
            )
        return self._mlorch_context


class ConfigurableResource(ConfigurableResourceFactory[Any]):
    """A resource, configured by its fields; an asset takes it by annotating a parameter with its class."""

    def create_resource(self, context: InitResourceContext) -> Any:
        return self


class AtLaunch(Late):
    """A resource that is complete only with what a run gives."""

    __slots__ = ("kind", "values")

    def __init__(self, kind: type[ConfigurableResourceFactory[Any]], values: Mapping[str, Any]) -> None:
        self.kind = kind
        self.values = dict(values)

    def resolve(self) -> Any:
        raise InvalidConfigError(
            f"a {self.kind.__name__} is configured at launch within another resource, so it has to stand in "
            "resources=… of the definitions as well, under the name that a run configures"
        )


def configured(
    made: ConfigurableResourceFactory[Any] | AtLaunch, given: Mapping[str, Any], where: str
) -> ConfigurableResourceFactory[Any]:
    """Return the resource with other values for some fields. Raises InvalidConfigError, naming `where`."""
    kind = made.kind if isinstance(made, AtLaunch) else type(made)
    values = made.values if isinstance(made, AtLaunch) else made.given()
    try:
        return kind(**{**values, **read_fields(kind, given)})
    except ValidationError as error:
        raise InvalidConfigError(explain(error, where, kind)) from None
    except InvalidConfigError as error:
        raise InvalidConfigError(f"{where}: {error}") from None


def wanted_class(annotation: Any) -> Any:
    """Return T of `ResourceParam[T]` and `ResourceDependency[T]`, otherwise the annotation itself."""
    return annotation.__args__[0] if isinstance(annotation, GenericAlias) else annotation
