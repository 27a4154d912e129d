"""What a decorator puts in the place of a function, and how that travels to another process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


class Importable:
    """Stands where its function stood, and travels by that place: a worker imports it once, not per step."""

    __name__: str
    __wrapped__: Callable[..., Any]

    def stand_for(self, function: Callable[..., Any], name: str) -> None:
        """Take over what is known of a function by its attributes; `name` where it has none."""
        self.__name__ = getattr(function, "__name__", name)
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.__wrapped__ = function

    def __reduce__(self) -> Any:
        found = getattr(sys.modules.get(self.__module__), self.__name__, None)
        if found is self and self.__module__ != "__main__":
            return _imported, (self.__module__, self.__name__)
        return _copied, (type(self), vars(self))


def _imported(module: str, name: str) -> Any:
    return getattr(import_module(module), name)


def _copied(cls: type[Any], attributes: Mapping[str, Any]) -> Any:
    made = object.__new__(cls)
    vars(made).update(attributes)
    return made
