"""What the function of an asset or op asks for: read once from its parameters and annotations."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlorch.definitions.results import MaterializeResult, Output
from mlorch.errors import InvalidDefinitionError

EMPTY = inspect.Parameter.empty

_CONTEXT_FIRST = frozenset({"_", "_context", "context_"})
"""What the context is called besides `context`, as the first parameter."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters by their role, with evaluated annotations (EMPTY where there is none)."""

    context: str | None
    config: Any
    """The Config class of the parameter `config`, or None."""
    resources: Mapping[str, Any]
    arguments: Mapping[str, Any]
    """The upstream arguments, or the inputs of an op."""
    takes_any: bool
    """True for a `**kwargs` parameter: every input given by `ins` fits."""
    returns: Any
    """Annotation of the value, out of `Output[T]` or `MaterializeResult[T]`, returned or yielded."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """The defaults of arguments that have one."""


def read_signature(function: Callable[..., Any], owner: str, namespace: Mapping[str, Any]) -> Signature:
    """Sort the parameters of `function` by role.

    `namespace` has the names around the function (its caller's locals), for annotations that are text.
    Raises InvalidDefinitionError, naming `owner`, for an annotation that can't be evaluated, a parameter that
    can't be filled by name, and a function that has to be awaited.
    """
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidDefinitionError(f"{owner} can't be async; call asyncio.run(…) in a plain function")
    roles: dict[str, Any] = {"context": None, "config": None, "takes_any": False}
    resources: dict[str, Any] = {}
    arguments: dict[str, Any] = {}
    signature = inspect.signature(function)
    for place, (name, parameter) in enumerate(signature.parameters.items()):
        if parameter.kind is parameter.VAR_KEYWORD:
            roles["takes_any"] = True
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise InvalidDefinitionError(
                f"{owner}: the parameter {name!r} can't be filled by name; declare it as a plain parameter"
            )
        annotation = _evaluate(parameter.annotation, function, namespace, f"{owner}, parameter {name!r}")
        role = getattr(annotation, "mlorch_role", None)
        if name == "context" or role == "context" or (place == 0 and name in _CONTEXT_FIRST):
            roles["context"] = name
        elif name == "config" and role == "config":
            roles["config"] = annotation
        elif role == "resource":
            resources[name] = annotation
        elif role == "config":
            raise InvalidDefinitionError(f"{owner}: the parameter {name!r} holds a Config; name it 'config'")
        else:
            arguments[name] = annotation
    returns = _evaluate(signature.return_annotation, function, namespace, f"{owner}, return value")
    value = value_of(_yielded(returns) if inspect.isgeneratorfunction(inspect.unwrap(function)) else returns)
    given = {name: signature.parameters[name].default for name in arguments}
    defaults = {name: value for name, value in given.items() if value is not EMPTY}
    return Signature(resources=resources, arguments=arguments, returns=value, defaults=defaults, **roles)


def value_of(annotation: Any) -> Any:
    """Return T of Output[T] and MaterializeResult[T], and any other annotation as it is."""
    if annotation in (Output, MaterializeResult):
        return EMPTY
    if typing.get_origin(annotation) in (Output, MaterializeResult):
        return typing.get_args(annotation)[0]
    return annotation


def _evaluate(annotation: Any, function: Callable[..., Any], namespace: Mapping[str, Any], where: str) -> Any:
    if not isinstance(annotation, str):
        return annotation
    inner = inspect.unwrap(function)
    closed = getattr(inner, "__closure__", None) or ()
    names = dict(zip(inner.__code__.co_freevars, closed, strict=False)) if closed else {}
    cells = {name: cell.cell_contents for name, cell in names.items() if _is_filled(cell)}
    try:
        return eval(annotation, inner.__globals__, {**namespace, **cells})
    except Exception as error:
        raise InvalidDefinitionError(
            f"{where}: the annotation {annotation!r} can't be evaluated ({error}); "
            "import its names at run time, not under TYPE_CHECKING"
        ) from error


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _yielded(returns: Any) -> Any:
    """Return T of the annotation Iterator[T], Iterable[T] or Generator[T, …] of a generator function."""
    arguments = typing.get_args(returns)
    return arguments[0] if arguments else EMPTY
