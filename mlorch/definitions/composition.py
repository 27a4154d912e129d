"""What goes on while a graph is composed: calls are recorded, and handles stand for what they will give."""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

from mlorch.definitions.keys import AssetKey
from mlorch.definitions.names import check_plain_name
from mlorch.errors import InvalidDefinitionError, nearest

if TYPE_CHECKING:
    from mlorch.definitions.specs import RetryPolicy


class Callee:
    """An op or a graph, called in the function of a graph to become a node of it."""

    kind: str
    name: str
    ins: Mapping[str, Any]
    outs: Mapping[str, Any]

    @property
    def positional(self) -> tuple[str, ...]:
        """The inputs in the order in which a call may give them without their names."""
        raise NotImplementedError

    @property
    def dynamic_outputs(self) -> frozenset[str]:
        """The outputs that are to be mapped over or collected."""
        raise NotImplementedError

    def call_outside(self, *args: Any, **kwargs: Any) -> Any:
        """What a call does where no graph is being composed."""
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return Invocation(self)(*args, **kwargs)

    def alias(self, name: str) -> Invocation:
        """Return what to call for a node of another name."""
        return Invocation(self).alias(name)

    def tag(self, tags: Mapping[str, Any]) -> Invocation:
        """Return what to call for a node with these tags besides its own."""
        return Invocation(self).tag(tags)

    def with_hooks(self, hooks: Iterable[Any]) -> Invocation:
        """Return what to call for a node with these hooks besides its own."""
        return Invocation(self).with_hooks(hooks)

    def with_retry_policy(self, policy: RetryPolicy) -> Invocation:
        """Return what to call for a node with this retry policy in place of its own."""
        return Invocation(self).with_retry_policy(policy)

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}"


@dataclass(frozen=True, slots=True)
class Invocation:
    """An op or a graph with what its next call gives to the node."""

    callee: Callee
    name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    hooks: frozenset[Any] = frozenset()
    retry_policy: RetryPolicy | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        composition = _COMPOSITION.get()
        if composition is None:
            return self.callee.call_outside(*args, **kwargs)
        return composition.record(self, args, kwargs)

    def alias(self, name: str) -> Invocation:
        check_plain_name(name, str(self.callee))
        return replace(self, name=name)

    def tag(self, tags: Mapping[str, Any]) -> Invocation:
        return replace(self, tags={**self.tags, **plain_tags(tags)})

    def with_hooks(self, hooks: Iterable[Any]) -> Invocation:
        return replace(self, hooks=self.hooks | frozenset(hooks))

    def with_retry_policy(self, policy: RetryPolicy) -> Invocation:
        return replace(self, retry_policy=policy)


class Standin:
    """Stands for a value that only a run will have; whatever looks into it is refused."""

    __slots__ = ("composition",)

    def __init__(self, composition: Composition) -> None:
        self.composition = composition

    def __repr__(self) -> str:
        raise NotImplementedError

    def _refuse(self, *_: Any) -> NoReturn:
        raise InvalidDefinitionError(
            f"{self.composition}: {self!r} is known only when the graph runs, so nothing can be done with it "
            "here; give it to an op and do it there, or give the op several outputs"
        )

    __iter__ = __getitem__ = __bool__ = __len__ = __contains__ = __lt__ = __gt__ = __le__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __call__ = alias = tag = with_hooks = with_retry_policy = _refuse


class InputHandle(Standin):
    """Stands for an input of the graph that is being composed."""

    __slots__ = ("name",)

    def __init__(self, composition: Composition, name: str) -> None:
        super().__init__(composition)
        self.name = name

    def __repr__(self) -> str:
        return f"the input {self.name!r}"


class Handle(Standin):
    """Stands for an output of a node."""

    __slots__ = ("node", "output")

    def __init__(self, composition: Composition, node: str, output: str) -> None:
        super().__init__(composition)
        self.node = node
        self.output = output

    def __repr__(self) -> str:
        return f"the output {self.output!r} of {self.node!r}"


class Collected(Handle):
    """Stands for the list of an output over all mapping keys."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"the collected output {self.output!r} of {self.node!r}"


class DynamicHandle(Handle):
    """Stands for a dynamic output, or for the output of a node that runs once per key of one."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"the dynamic output {self.output!r} of {self.node!r}"

    def map(self, function: Callable[[Any], Any]) -> Any:
        """Call `function` with what stands for one value; the nodes it makes run once per mapping key.

        Returns what it returns, dynamic, so that it can be mapped and collected in turn.
        """
        if not callable(function):
            raise InvalidDefinitionError(
                f"{self.composition}: map of {self!r} takes an op, a graph or a function that calls them, "
                f"not {function!r}"
            )
        return self._mapped(function(Handle(self.composition, self.node, self.output)))

    def collect(self) -> Collected:
        """Return what stands for the list of the values, in the order in which their keys came."""
        return Collected(self.composition, self.node, self.output)

    def _mapped(self, result: Any) -> Any:
        if result is None or isinstance(result, DynamicHandle):
            return result
        if type(result) is Handle:
            return DynamicHandle(self.composition, result.node, result.output)
        if isinstance(result, tuple):
            handles = [self._mapped(one) for one in result]
            return type(result)._make(handles) if hasattr(result, "_make") else tuple(handles)
        raise InvalidDefinitionError(
            f"{self.composition}: the function that maps {self!r} returned {result!r}; it may return outputs "
            "of ops, a tuple of them, or nothing"
        )


Argument = Handle | InputHandle | AssetKey | list[Any]
"""What a node is given for an input; a list holds arguments."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was recorded: a node to be."""

    name: str
    invocation: Invocation
    arguments: Mapping[str, Argument]


class Composition:
    """The calls of the graph or job that is being composed."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        self.calls: dict[str, Call] = {}
        self._numbers: dict[str, int] = {}
        self._owners: dict[str, Callee] = {}

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}"

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Within this, calls of ops and graphs are recorded here."""
        token = _COMPOSITION.set(self)
        try:
            yield
        finally:
            _COMPOSITION.reset(token)

    def record(self, invocation: Invocation, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Add a node; return its handle, a named tuple of several, or None without outputs.

        Raises InvalidDefinitionError for arguments that are no outputs, or that the callee does not have.
        """
        callee = invocation.callee
        arguments = _bind(callee, args, kwargs, f"{self}, {callee}")
        checked = {
            name: self._checked(argument, f"{self}, {callee}, input {name!r}")
            for name, argument in arguments.items()
        }
        node = self._name(invocation)
        self.calls[node] = Call(node, invocation, checked)
        dynamic = callee.dynamic_outputs
        handles = [
            (DynamicHandle if output in dynamic else Handle)(self, node, output) for output in callee.outs
        ]
        if len(handles) > 1:
            # An output may begin with "_", a field of a named tuple may not: it is then known by its place.
            return namedtuple("Outputs", callee.outs, rename=True)(*handles)
        return handles[0] if handles else None

    def _name(self, invocation: Invocation) -> str:
        callee, name = invocation.callee, invocation.name
        if name is None:
            base = callee.name
            if self._owners.setdefault(base, callee) is not callee:
                raise InvalidDefinitionError(
                    f"{self} calls two different {callee.kind}s that are both named {base!r}; "
                    "give one another name, or call it by .alias('…')"
                )
            number = self._numbers[base] = self._numbers.get(base, 0) + 1
            name = base if number == 1 else f"{base}_{number}"
        if name in self.calls:
            raise InvalidDefinitionError(
                f"{self} has two nodes named {name!r}; call one of them by another .alias('…')"
            )
        return name

    def _checked(self, argument: Any, where: str) -> Argument:
        if isinstance(argument, list):
            return [self._checked(one, where) for one in argument]
        if isinstance(argument, DynamicHandle):
            raise InvalidDefinitionError(
                f"{where}: {argument!r} has a value per mapping key; give it by .map(…) or .collect()"
            )
        if isinstance(argument, Handle | InputHandle):
            self.check_own(argument, where)
            return argument
        key = argument if isinstance(argument, AssetKey) else getattr(argument, "key", None)
        if isinstance(key, AssetKey):
            return key
        raise InvalidDefinitionError(f"{where}: {_mistake(argument)}")

    def check_own(self, standin: Standin, where: str) -> None:
        """Raise InvalidDefinitionError for what a call in another composition returned."""
        if standin.composition is not self:
            raise InvalidDefinitionError(
                f"{where}: {standin!r} belongs to {standin.composition}; a graph joins only its own calls"
            )


# The function of a graph has no argument by which the ops that it calls could find the graph: they look here.
# A ContextVar, not a plain global: threads that import definitions side by side don't meet in it.
_COMPOSITION: ContextVar[Composition | None] = ContextVar("composition", default=None)


def plain_tags(tags: Mapping[str, Any] | None) -> dict[str, str]:
    """Return tags as text, JSON for what is none."""
    given = (tags or {}).items()
    return {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in given}


def _bind(callee: Callee, args: tuple[Any, ...], kwargs: Mapping[str, Any], where: str) -> dict[str, Any]:
    positional = callee.positional
    if len(args) > len(positional):
        raise InvalidDefinitionError(
            f"{where} takes {len(positional)} inputs ({', '.join(positional) or 'none'}), not {len(args)}"
        )
    arguments = dict(zip(positional, args, strict=False))
    for name, argument in kwargs.items():
        if name not in callee.ins:
            known = ", ".join(callee.ins) or "none"
            raise InvalidDefinitionError(
                f"{where} has no input {name!r}{nearest(name, callee.ins)} (it has: {known})"
            )
        if name in arguments:
            raise InvalidDefinitionError(f"{where}: the input {name!r} is given twice")
        arguments[name] = argument
    return arguments


def _mistake(argument: Any) -> str:
    if isinstance(argument, Callee | Invocation):
        callee = argument if isinstance(argument, Callee) else argument.callee
        return f"got the {callee} itself, not its output; call it: {callee.name}()"
    if isinstance(argument, tuple) and all(isinstance(one, Handle) for one in argument):
        names = getattr(argument, "_fields", None) or [one.output for one in argument]
        return (
            f"got {len(argument)} outputs at once ({', '.join(names)}); give one of them, or a list of them"
        )
    if argument is None:
        return "got None, as what a call without outputs returns; only outputs can be connected"
    return (
        f"got {argument!r}, which is no output of an op or graph; a fixed value goes into the op's config, "
        "or into the default of its parameter"
    )
