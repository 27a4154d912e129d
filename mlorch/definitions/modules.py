"""What modules and packages declare, found among their attributes."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mlorch.definitions.asset_checks import AssetChecksDefinition
from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.definitions import load_assets_from_modules
from mlorch.definitions.keys import AssetKey
from mlorch.definitions.specs import AssetSpec
from mlorch.errors import InvalidDefinitionError

if TYPE_CHECKING:
    from mlorch.definitions.automation import AutomationCondition

Placing = str | Sequence[str] | None


def load_assets_from_package_module(
    package_module: ModuleType,
    *,
    group_name: str | None = None,
    key_prefix: Placing = None,
    automation_condition: AutomationCondition | None = None,
) -> list[AssetsDefinition | AssetSpec]:
    """Return the assets of a package and of all modules within, each once."""
    return load_assets_from_modules(
        modules_of(package_module),
        group_name=group_name,
        key_prefix=key_prefix,
        automation_condition=automation_condition,
    )


def load_assets_from_package_name(
    package_name: str,
    *,
    group_name: str | None = None,
    key_prefix: Placing = None,
    automation_condition: AutomationCondition | None = None,
) -> list[AssetsDefinition | AssetSpec]:
    """Return the assets of a package, by its name, and of all modules within, each once."""
    return load_assets_from_package_module(
        import_module(package_name),
        group_name=group_name,
        key_prefix=key_prefix,
        automation_condition=automation_condition,
    )


def load_assets_from_current_module(
    *,
    group_name: str | None = None,
    key_prefix: Placing = None,
    automation_condition: AutomationCondition | None = None,
) -> list[AssetsDefinition | AssetSpec]:
    """Return the assets that the module which calls this has declared so far."""
    return load_assets_from_modules(
        [calling_module(2)],
        group_name=group_name,
        key_prefix=key_prefix,
        automation_condition=automation_condition,
    )


def load_asset_checks_from_modules(
    modules: Iterable[ModuleType], asset_key_prefix: Placing = None
) -> list[AssetChecksDefinition]:
    """Return the functions of modules that only check; `asset_key_prefix` comes before what they check."""
    found: list[AssetChecksDefinition] = list(members(modules, AssetChecksDefinition))
    if asset_key_prefix is None:
        return found
    keys = {name for one in found for name in one.checked}
    renamed = {name: AssetKey.from_user_string(name).with_prefix(asset_key_prefix) for name in keys}
    return [one.placed(renamed, None) for one in found]


def load_asset_checks_from_package_module(
    package_module: ModuleType, asset_key_prefix: Placing = None
) -> list[AssetChecksDefinition]:
    """Return the checks of a package and of all modules within."""
    return load_asset_checks_from_modules(modules_of(package_module), asset_key_prefix)


def load_asset_checks_from_package_name(
    package_name: str, asset_key_prefix: Placing = None
) -> list[AssetChecksDefinition]:
    """Return the checks of a package, by its name, and of all modules within."""
    return load_asset_checks_from_package_module(import_module(package_name), asset_key_prefix)


def load_asset_checks_from_current_module(asset_key_prefix: Placing = None) -> list[AssetChecksDefinition]:
    """Return the checks that the module which calls this has declared so far."""
    return load_asset_checks_from_modules([calling_module(2)], asset_key_prefix)


def modules_of(package: ModuleType) -> list[ModuleType]:
    """Return a package and the modules within, imported, in the order of their names."""
    found = pkgutil.walk_packages(getattr(package, "__path__", ()), f"{package.__name__}.")
    return [package, *(import_module(name) for name in sorted(one.name for one in found))]


def calling_module(depth: int) -> ModuleType:
    """Return the module of the frame so far up. Raises InvalidDefinitionError where there is none."""
    name = sys._getframe(depth).f_globals.get("__name__", "")
    module = sys.modules.get(name)
    if module is None:
        raise InvalidDefinitionError(f"the caller is no module that was imported ({name!r})")
    return module


def members(modules: Iterable[ModuleType], wanted: type | tuple[type, ...]) -> Iterator[Any]:
    """Yield what modules have of some classes, alone or in a list, each once and in order."""
    seen: set[int] = set()
    for module in modules:
        for value in vars(module).values():
            for one in value if isinstance(value, list | tuple) else (value,):
                if isinstance(one, wanted) and id(one) not in seen:
                    seen.add(id(one))
                    yield one
