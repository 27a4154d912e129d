"""The decorators `@success_hook` and `@failure_hook`: functions that are called when a step is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, overload

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.composition import Callee, Invocation
from mlorch.definitions.importable import Importable
from mlorch.definitions.jobs import AssetJob, JobDefinition
from mlorch.errors import UserError


class HookDefinition(Importable):
    """A function of a HookContext, called after the last attempt at a step: where it succeeded, or failed.

    Called with a context it calls the function, as in a test; called with a job, an op, a graph or an asset
    it returns that with the hook.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        name: str | None = None,
        required_resource_keys: Iterable[str] | None = None,
        *,
        on_failure: bool,
    ) -> None:
        self.function = function
        self.name = name or function.__name__
        self.required_resource_keys = frozenset(required_resource_keys or ())
        self.on_failure = on_failure
        """False where it is called after steps that succeeded."""
        self.stand_for(function, self.name)

    def __call__(self, given: Any) -> Any:
        if isinstance(given, Callee | Invocation):
            return given.with_hooks({self})
        if isinstance(given, JobDefinition):
            return given.with_hooks({self})
        if isinstance(given, AssetsDefinition):
            return with_hooks(given, {self})
        if isinstance(given, AssetJob):
            return replace(given, hooks=given.hooks | {self})
        self._refuse_missing(given)
        return self.function(given)

    def _refuse_missing(self, context: Any) -> None:
        resources = getattr(context, "resources", None)
        for name in sorted(self.required_resource_keys):
            if not hasattr(resources, name):
                raise UserError(
                    f"hook {self.name!r} requires the resource {name!r}; build its context with "
                    f"build_hook_context(resources={{{name!r}: …}})"
                )

    def __repr__(self) -> str:
        return f"<hook {self.name}>"


@overload
def success_hook(hook_fn: Callable[[Any], Any], /) -> HookDefinition: ...


@overload
def success_hook(
    *, name: str | None = None, required_resource_keys: Iterable[str] | None = None
) -> Callable[[Callable[[Any], Any]], HookDefinition]: ...


def success_hook(hook_fn: Callable[[Any], Any] | None = None, /, **options: Any) -> Any:
    """Declare a function of a HookContext that is called after each step that succeeded."""
    if hook_fn is not None:
        return HookDefinition(hook_fn, on_failure=False)
    return lambda function: HookDefinition(function, on_failure=False, **options)


@overload
def failure_hook(hook_fn: Callable[[Any], Any], /) -> HookDefinition: ...


@overload
def failure_hook(
    *, name: str | None = None, required_resource_keys: Iterable[str] | None = None
) -> Callable[[Callable[[Any], Any]], HookDefinition]: ...


def failure_hook(hook_fn: Callable[[Any], Any] | None = None, /, **options: Any) -> Any:
    """Declare a function of a HookContext that is called after the last attempt at a step that failed."""
    if hook_fn is not None:
        return HookDefinition(hook_fn, on_failure=True)
    return lambda function: HookDefinition(function, on_failure=True, **options)


def with_hooks(assets: AssetsDefinition, hooks: Iterable[HookDefinition]) -> AssetsDefinition:
    """Return a copy of assets whose steps have these hooks besides their own."""
    # Not copy(): what can be imported is copied as itself.
    made = object.__new__(type(assets))
    vars(made).update(vars(assets))
    more = frozenset(hooks)
    made.op_nodes = {path: replace(one, hooks=one.hooks | more) for path, one in assets.op_nodes.items()}
    return made
