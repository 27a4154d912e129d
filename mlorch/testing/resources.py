"""Resources as a run has them, for tests of what takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlorch.definitions.doubles import with_doubles
from mlorch.definitions.resources import InitResourceContext, RequiredResources
from mlorch.errors import UserError, nearest
from mlorch.execution.resources import opened
from mlorch.execution.settling import settle_resources

if TYPE_CHECKING:
    from mlorch.instance import Instance


class GivenResources(RequiredResources):
    """The resources that a test gave, by attribute; it declares none."""

    def __init__(self, resources: Mapping[str, Any]) -> None:
        super().__init__(resources, frozenset(), "the test")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._resources:
            raise UserError(
                f"there is no resource {name!r}{nearest(name, self._resources)}; give it as "
                f"resources={{{name!r}: …}} where the context is built"
            )
        return self._resources[name]


@contextmanager
def build_resources(
    resources: Mapping[str, Any],
    instance: Instance | None = None,
    resource_config: Mapping[str, Any] | None = None,
) -> Iterator[Any]:
    """Yield the resources by attribute, set up as for a run, and tear them down at the end.

    `resource_config` has what a run config would: {name: {"config": {field: value}}}. Raises
    InvalidConfigError where a value or an environment variable is missing.
    """
    with opened_resources(resources, instance, resource_config) as found:
        yield GivenResources(found)


@contextmanager
def opened_resources(
    resources: Mapping[str, Any] | None,
    instance: Instance | None = None,
    resource_config: Mapping[str, Any] | None = None,
) -> Iterator[Mapping[str, Any]]:
    """Yield the resources by name; each is set up when it is first asked for."""
    given = with_doubles(resources)
    config = {name: one.get("config", {}) for name, one in (resource_config or {}).items()}
    settled, _ = settle_resources(given, given, config)
    with opened(settled, InitResourceContext(open_instance=lambda: instance)) as found:
        yield found


def build_init_resource_context(
    config: Any = None,
    resources: Mapping[str, Any] | None = None,
    instance: Instance | None = None,
) -> InitResourceContext:
    """Return what a resource is told when it is set up, for calls of `@resource` functions and the like.

    `resources` are those that it requires, as they are.
    """
    return InitResourceContext(
        resource_config={} if config is None else config,
        resources=GivenResources(resources or {}),
        open_instance=lambda: instance,
    )
