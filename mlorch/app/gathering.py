"""Definitions of all that modules and packages declare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from mlorch.app.projects import Definitions
from mlorch.definitions.asset_checks import AssetChecksDefinition
from mlorch.definitions.definitions import load_assets_from_modules
from mlorch.definitions.jobs import AssetJob, JobDefinition
from mlorch.definitions.modules import calling_module, members, modules_of
from mlorch.definitions.schedules import ScheduleDefinition
from mlorch.definitions.sensors import SensorDefinition


def load_definitions_from_modules(
    modules: Iterable[ModuleType], resources: Mapping[str, Any] | None = None
) -> Definitions:
    """Return what modules declare: assets, checks, jobs, schedules, sensors and whole Definitions."""
    several = list(modules)
    loose = Definitions(
        load_assets_from_modules(several),
        asset_checks=members(several, AssetChecksDefinition),
        jobs=members(several, (AssetJob, JobDefinition)),
        schedules=members(several, ScheduleDefinition),
        sensors=members(several, SensorDefinition),
        resources=resources,
    )
    return Definitions.merge(loose, *members(several, Definitions))


def load_definitions_from_module(
    module: ModuleType, resources: Mapping[str, Any] | None = None
) -> Definitions:
    """Return what a module declares."""
    return load_definitions_from_modules([module], resources)


def load_definitions_from_current_module(resources: Mapping[str, Any] | None = None) -> Definitions:
    """Return what the module which calls this has declared so far."""
    return load_definitions_from_modules([calling_module(2)], resources)


def load_definitions_from_package_module(
    package_module: ModuleType, resources: Mapping[str, Any] | None = None
) -> Definitions:
    """Return what a package and all modules within declare."""
    return load_definitions_from_modules(modules_of(package_module), resources)


def load_definitions_from_package_name(
    package_name: str, resources: Mapping[str, Any] | None = None
) -> Definitions:
    """Return what a package, by its name, and all modules within declare."""
    return load_definitions_from_package_module(import_module(package_name), resources)
