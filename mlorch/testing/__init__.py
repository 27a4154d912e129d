"""What people test with: the contracts of IO managers and value stores, and contexts to call assets with.

A name is looked up when it is first used, so that a test pays only for what it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlorch.testing.iomanagers import IOManagerContract as IOManagerContract
    from mlorch.testing.stores import ValueStoreContract as ValueStoreContract

_HOMES = {
    "IOManagerContract": "mlorch.testing.iomanagers",
    "ValueStoreContract": "mlorch.testing.stores",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'mlorch.testing' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return __all__
