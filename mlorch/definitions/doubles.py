"""Test doubles in the place of resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlorch.definitions.factories import ResourceDefinition

_MODULES = ("unittest.mock", "mock.mock")


def with_doubles(resources: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return resources in which a mock is taken as it is, whatever it says that it is an instance of."""
    return {
        name: ResourceDefinition.hardcoded_resource(one) if type(one).__module__ in _MODULES else one
        for name, one in (resources or {}).items()
    }
