"""Ops: functions that are the steps of graphs and jobs, with their inputs and outputs."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    TypedDict,
    TypeVar,
    Unpack,
    get_args,
    get_origin,
    overload,
)

from mlorch.definitions.calling import call_directly
from mlorch.definitions.composition import Callee, plain_tags
from mlorch.definitions.importable import Importable
from mlorch.definitions.keys import CoercibleToAssetKey
from mlorch.definitions.names import check_plain_name, is_plain_name
from mlorch.definitions.results import NO_VALUE
from mlorch.definitions.shapes import config_class
from mlorch.definitions.signature import EMPTY, Signature, read_signature, value_of
from mlorch.errors import InvalidDefinitionError, nearest

if TYPE_CHECKING:
    from mlorch.definitions.config import Config
    from mlorch.definitions.specs import RetryPolicy

T = TypeVar("T")


class Nothing:
    """The type of an input or output that carries no value: it orders only."""


@dataclass(frozen=True, slots=True)
class In:
    """An input of an op."""

    dagster_type: Any = EMPTY
    description: str | None = None
    default_value: Any = NO_VALUE
    metadata: Mapping[str, Any] | None = None
    asset_key: CoercibleToAssetKey | None = None
    input_manager_key: str | None = None


@dataclass(frozen=True)
class Out:
    """An output of an op. One that is not required may stay away: what waits for it is skipped."""

    dagster_type: Any = EMPTY
    description: str | None = None
    is_required: bool = True
    io_manager_key: str | None = None
    metadata: Mapping[str, Any] | None = None
    code_version: str | None = None

    is_dynamic: ClassVar[bool] = False


@dataclass(frozen=True)
class DynamicOut(Out):
    """An output of which there are as many as the op yields, each a DynamicOutput with a key of its own."""

    is_dynamic: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class DynamicOutput(Generic[T]):
    """One value of a DynamicOut. Raises InvalidDefinitionError for a key that can't name a step."""

    value: T
    mapping_key: str
    output_name: str = "result"
    metadata: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not is_plain_name(self.mapping_key):
            raise InvalidDefinitionError(
                f"mapping_key={self.mapping_key!r} has to be text of letters, digits and '_'; it names steps"
            )


class OpDefinition(Importable, Callee):
    """A function that is a step of graphs and jobs.

    Called while a graph is composed it becomes a node of it; called elsewhere it calls the function.
    """

    kind = "op"

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        *,
        signature: Signature,
        ins: Mapping[str, In],
        outs: Mapping[str, Out],
        config: type[Config] | None = None,
        retry_policy: RetryPolicy | None = None,
        tags: Mapping[str, str] | None = None,
        pool: str | None = None,
        timeout: float | None = None,
        code_version: str | None = None,
        description: str | None = None,
        hooks: frozenset[Any] = frozenset(),
        required_resource_keys: frozenset[str] = frozenset(),
    ) -> None:
        if timeout is not None and not timeout > 0:
            raise InvalidDefinitionError(
                f"{name!r} has timeout={timeout!r}; give it seconds above 0, or None"
            )
        self.function = function
        self.name = name
        self.signature = signature
        self.ins = dict(ins)
        self.outs = dict(outs)
        self.config = config
        self.retry_policy = retry_policy
        self.tags = dict(tags or {})
        self.pool = pool
        self.timeout = timeout
        """Seconds that an attempt may take."""
        self.code_version = code_version
        self.description = description
        self.hooks = hooks
        self.required_resource_keys = required_resource_keys
        self.stand_for(function, name)

    @property
    def positional(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.signature.arguments, *self.ins)))

    @property
    def dynamic_outputs(self) -> frozenset[str]:
        return frozenset(name for name, out in self.outs.items() if out.is_dynamic)

    def call_outside(self, *args: Any, **kwargs: Any) -> Any:
        return call_directly(self, args, kwargs)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


class OpOptions(TypedDict, total=False):
    """The arguments of `@op`: names, meaning and defaults as in Dagster."""

    name: str | None
    description: str | None
    ins: Mapping[str, In] | None
    out: Out | Mapping[str, Out] | None
    config_schema: Any
    required_resource_keys: Iterable[str] | None
    tags: Mapping[str, Any] | None
    retry_policy: RetryPolicy | None
    code_version: str | None
    pool: str | None
    timeout: float | None
    """Seconds that an attempt may take."""


@overload
def op(function: Callable[..., Any], /) -> OpDefinition: ...


@overload
def op(**options: Unpack[OpOptions]) -> Callable[[Callable[..., Any]], OpDefinition]: ...


def op(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare that a function is an op; `OpOptions` has the arguments.

    The parameters are its inputs, but for the context (first, or annotated so), `config` (a Config) and
    resources (annotated with a ConfigurableResource). One output is named "result"; several are declared by
    `out={…}` and returned as a tuple, or yielded as `Output(…, "name")`. Raises InvalidDefinitionError,
    naming the op.
    """
    namespace = sys._getframe(1).f_locals
    if function is not None:
        return define_op(function, namespace, {})
    unknown = options.keys() - OpOptions.__annotations__.keys()
    if unknown:
        name = sorted(unknown)[0]
        raise InvalidDefinitionError(
            f"@op has no argument {name!r}{nearest(name, OpOptions.__annotations__)}"
        )
    return lambda decorated: define_op(decorated, namespace, options)


def define_op(
    function: Callable[..., Any], namespace: Mapping[str, Any], options: Mapping[str, Any]
) -> OpDefinition:
    """Return the op of a function; `namespace` has the names around it. Raises InvalidDefinitionError."""
    if isinstance(function, Callee):
        raise InvalidDefinitionError(f"@op decorates a function, not the {function}")
    name = str(options.get("name") or getattr(function, "__name__", ""))
    check_plain_name(name, "an op")
    signature = read_signature(function, f"op {name!r}", namespace)
    yields = inspect.isgeneratorfunction(inspect.unwrap(function))
    return OpDefinition(
        function,
        name,
        signature=signature,
        ins=_ins(name, signature, options.get("ins") or {}),
        outs=_outs(name, signature, options.get("out"), yields),
        config=declared_config(f"op {name!r}", signature, options.get("config_schema")),
        retry_policy=options.get("retry_policy"),
        tags=plain_tags(options.get("tags")),
        pool=options.get("pool"),
        timeout=options.get("timeout"),
        code_version=options.get("code_version"),
        description=options.get("description") or inspect.getdoc(function),
        required_resource_keys=frozenset(options.get("required_resource_keys") or ()),
    )


_ITERATORS = (Iterator, Iterable, Generator)


def _ins(op_name: str, signature: Signature, given: Mapping[str, In]) -> dict[str, In]:
    for name, one in given.items():
        check_plain_name(name, f"op {op_name!r}, an input")
        if not isinstance(one, In):
            raise InvalidDefinitionError(f"op {op_name!r}: ins[{name!r}] is an In(…), not {one!r}")
        is_parameter = name in signature.arguments
        if one.dagster_type is Nothing and is_parameter:
            raise InvalidDefinitionError(
                f"op {op_name!r}: the input {name!r} is Nothing and passes no value; remove the parameter"
            )
        if not (is_parameter or one.dagster_type is Nothing or signature.takes_any):
            known = ", ".join(signature.arguments) or "none"
            raise InvalidDefinitionError(
                f"op {op_name!r}: ins names {name!r}, which is no parameter of it (it has: {known})"
                f"{nearest(name, signature.arguments)}; an input that only orders is In(Nothing)"
            )
    found = {name: _completed(one, name, signature) for name, one in given.items()}
    for name, annotation in signature.arguments.items():
        if name in found:
            continue
        _check_parameter(op_name, name, annotation)
        found[name] = _completed(In(), name, signature)
    return found


def _check_parameter(op_name: str, name: str, annotation: Any) -> None:
    if annotation is Nothing:
        raise InvalidDefinitionError(
            f"op {op_name!r}: the parameter {name!r} is annotated with Nothing, which passes no value; "
            f"declare ins={{{name!r}: In(Nothing)}} and remove the parameter"
        )
    if name == "config":
        raise InvalidDefinitionError(
            f"op {op_name!r}: annotate the parameter 'config' with a Config class that has its fields"
        )
    check_plain_name(name, f"op {op_name!r}, an input")


def _completed(one: In, name: str, signature: Signature) -> In:
    """Return the input with what its parameter says, where it says nothing itself."""
    if one.dagster_type is EMPTY:
        one = replace(one, dagster_type=signature.arguments.get(name, EMPTY))
    if one.default_value is NO_VALUE:
        one = replace(one, default_value=signature.defaults.get(name, NO_VALUE))
    return one


def _outs(op_name: str, signature: Signature, given: Any, yields: bool) -> dict[str, Out]:
    if isinstance(given, Mapping):
        declared = dict(given)
    elif given is None or isinstance(given, Out):
        declared = {"result": given}
    else:
        raise InvalidDefinitionError(f"op {op_name!r}: out is an Out(…) or a dict of them, not {given!r}")
    annotations = _annotations(op_name, signature.returns, len(declared), yields)
    found = {}
    for (name, out), annotation in zip(declared.items(), annotations, strict=True):
        check_plain_name(name, f"op {op_name!r}, an output")
        if not (out is None or isinstance(out, Out)):
            raise InvalidDefinitionError(f"op {op_name!r}: out[{name!r}] is an Out(…), not {out!r}")
        found[name] = _typed(op_name, out, annotation, yields)
    return found


def _annotations(op_name: str, returns: Any, count: int, yields: bool) -> Sequence[Any]:
    """Return the annotation of each of `count` outputs."""
    if count == 1:
        return [returns]
    if count == 0 or yields or returns in (EMPTY, Any) or get_origin(returns) in _ITERATORS:
        return [EMPTY] * count
    inner = get_args(returns) if get_origin(returns) is tuple else ()
    if len(inner) != count:
        raise InvalidDefinitionError(
            f"op {op_name!r} has {count} outputs, but is annotated to return {returns!r}; annotate a tuple "
            f'of {count} types, or yield an Output(…, "name") for each'
        )
    return [value_of(one) for one in inner]


def _typed(op_name: str, out: Out | None, annotation: Any, yields: bool) -> Out:
    """Return the output with the type that is annotated, where it says none itself."""
    item = annotation if yields else _item(annotation)
    if _is_dynamic(item):
        out, annotation = out or DynamicOut(), (get_args(item) or (EMPTY,))[0]
        if not out.is_dynamic:
            raise InvalidDefinitionError(
                f"op {op_name!r} gives DynamicOutputs, but its output is an Out; declare a DynamicOut"
            )
    elif _is_dynamic(annotation):
        raise InvalidDefinitionError(
            f"op {op_name!r} is annotated to return one DynamicOutput; annotate a list of them, or yield them"
            " (what gives one value has a plain Out)"
        )
    elif out is not None and out.is_dynamic:
        annotation = EMPTY
    out = out or Out()
    if out.dagster_type is not EMPTY:
        return out
    return replace(out, dagster_type=Nothing if annotation in (None, type(None)) else annotation)


def _item(annotation: Any) -> Any:
    """Return T of a list or an iterator of T, and EMPTY for anything else."""
    inner = get_args(annotation)
    return inner[0] if inner and get_origin(annotation) in (list, Sequence, *_ITERATORS) else EMPTY


def _is_dynamic(annotation: Any) -> bool:
    return annotation is DynamicOutput or get_origin(annotation) is DynamicOutput


def declared_config(owner: str, signature: Signature, schema: Any) -> type[Config] | None:
    given: type[Config] | None = signature.config
    if schema is None:
        return given
    if given is not None:
        raise InvalidDefinitionError(
            f"{owner} has a parameter 'config' and a config_schema; declare its config by one of them"
        )
    return config_class(schema, owner)
