"""The function of a definition, called as in a test: with values for its inputs, and a context."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from mlorch.definitions.config import Config, make_config
from mlorch.definitions.signature import Signature
from mlorch.errors import UserError, nearest


class Called(Protocol):
    """What a direct call needs to know of an asset or op; its text names it in messages."""

    function: Callable[..., Any]
    signature: Signature
    required_resource_keys: frozenset[str]


class DirectContext(Protocol):
    """A context made for direct calls, which gives what a call leaves out."""

    mlorch_resources: Mapping[str, Any]
    mlorch_config: Any

    def mlorch_enter(self, called: Any) -> None:
        """Know from now on what is called. Raises UserError where the context does not fit it."""


def call_directly(called: Called, args: Sequence[Any], kwargs: Mapping[str, Any], owner: Any = None) -> Any:
    """Return what the function returns; `owner` is the assets definition whose op it is.

    A context comes first, or by its name, and may be given to a function that takes none. It fills the
    resources and the config that are not given themselves. Raises UserError for an input, a resource or a
    context that is missing, and for what the function does not take.
    """
    binding = _Binding(
        called, list(args), dict(kwargs), str(called) if owner is None else f"{owner.kind} {owner.name!r}"
    )
    binding.take_context(called if owner is None else owner)
    binding.take_positions()
    binding.fill_resources()
    binding.fill_config()
    binding.check()
    return called.function(**binding.named)


class _Binding:
    """The arguments of one call, by name, as they are found."""

    def __init__(self, called: Called, args: list[Any], named: dict[str, Any], name: str) -> None:
        self.named = named
        self._name = name
        self._called = called
        self._signature = called.signature
        self._args = args
        parameters = inspect.signature(called.function).parameters.values()
        self._names = [one.name for one in parameters if one.kind is not one.VAR_KEYWORD]
        self._optional = {one.name for one in parameters if one.default is not one.empty}
        self._direct: DirectContext | None = None

    def take_context(self, owner: Any) -> None:
        """Take the context from where it was given. Raises UserError where the function needs one."""
        wanted = self._signature.context
        by_name = wanted or "context"
        if by_name in self.named:
            context = self.named.pop(by_name)
        elif self._args and (_is_context(self._args[0]) or self._names[:1] == [wanted]):
            context = self._args.pop(0)
        elif wanted is not None:
            raise UserError(
                f"{self._name} takes a context; give it one first, "
                "build_asset_context() or build_op_context()"
            )
        else:
            return
        if hasattr(context, "mlorch_enter"):
            self._direct = context
            context.mlorch_enter(owner)
        if wanted is not None:
            self.named[wanted] = context

    def take_positions(self) -> None:
        """Give names to what was given by position, in the order of what the context does not fill."""
        given = self._direct.mlorch_resources if self._direct is not None else {}
        filled = {self._signature.context, *(name for name in self._signature.resources if name in given)}
        names = [name for name in self._names if name not in filled]
        if len(self._args) > len(names):
            raise UserError(
                f"{self._name} takes {len(names)} arguments ({', '.join(names) or 'none'}), "
                f"but was called with {len(self._args)}"
            )
        for name, value in zip(names, self._args, strict=False):
            if name in self.named:
                raise UserError(f"{self._name} was given its argument {name!r} twice")
            self.named[name] = value

    def fill_resources(self) -> None:
        given = self._direct.mlorch_resources if self._direct is not None else {}
        for name, wanted in self._signature.resources.items():
            if name in self.named and name in given:
                raise UserError(
                    f"{self._name} was given the resource {name!r} twice: in the context, and itself"
                )
            if name in given:
                self.named[name] = given[name]
            elif name not in self.named and name not in self._optional:
                kind = getattr(wanted, "__name__", wanted)
                raise UserError(
                    f"{self._name} takes the resource {name!r} ({kind}){nearest(name, given)}; give it as "
                    f"{name}=…, or in the context with resources={{{name!r}: …}}"
                )
        missing = sorted(self._called.required_resource_keys - given.keys())
        if missing and self._direct is not None:
            raise UserError(
                f"{self._name} requires the resource {missing[0]!r}{nearest(missing[0], given)}; "
                f"build its context with resources={{{missing[0]!r}: …}}"
            )

    def fill_config(self) -> None:
        kind: type[Config] | None = self._signature.config
        if kind is None:
            return
        given = self.named.get("config")
        if given is None and self._direct is not None:
            given = self._direct.mlorch_config
        if given is None and "config" in self._optional:
            return
        # What is no config, a double of one for instance, is the caller's business.
        if given is None or isinstance(given, Mapping | Config):
            given = make_config(kind, given, f"the config of {self._name}")
        self.named["config"] = given

    def check(self) -> None:
        for name in self._signature.arguments:
            if name not in self.named and name not in self._optional:
                raise UserError(f"{self._name} has no value for its argument {name!r}; call it with {name}=…")
        for name in self.named:
            if name not in self._names and not self._signature.takes_any:
                raise UserError(f"{self._name} takes no argument {name!r}{nearest(name, self._names)}")


def _is_context(value: Any) -> bool:
    return getattr(type(value), "mlorch_role", None) == "context"
