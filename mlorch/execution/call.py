"""One attempt at one step, complete in itself, so that it can be performed anywhere; and what it came to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.io import ValueKinds, ValueStore
from mlorch.definitions.results import NO_VALUE
from mlorch.definitions.signature import EMPTY
from mlorch.events import AssetMaterialized, Event, Input
from mlorch.execution.run import Run
from mlorch.log import Slot

if TYPE_CHECKING:
    from mlorch.definitions.checks import AssetCheckSpec
    from mlorch.definitions.graphs import OpNode
    from mlorch.definitions.hooks import HookDefinition
    from mlorch.definitions.jobs import JobDefinition
    from mlorch.definitions.partitions import PartitionsDefinition


@dataclass(frozen=True, slots=True)
class Kept:
    """What a step needs to know of a value to read it: an asset partition's, or an op's output."""

    slot: Slot
    """Of an op's output: the step that made it and None."""
    uri: str | None = None
    content_hash: str | None = None
    io_manager: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    run_id: str = ""
    step: str = ""
    output: str = "result"
    is_passed: bool = False
    """True of an op's output that is no asset: it lies among the outputs, not among the values."""
    mapping_key: str | None = None


def kept_of(made: AssetMaterialized) -> Kept:
    """Return what it takes to read a recorded value."""
    return Kept(
        (made.asset, made.partition),
        made.uri,
        made.content_hash,
        made.io_manager,
        made.metadata,
        made.run_id,
        made.step,
        str(made.definition.get("output", "result")),
    )


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter and the values that fill it, in key order."""

    name: str
    annotation: Any = EMPTY
    kept: tuple[Kept, ...] = ()
    given: Any = NO_VALUE
    """A value that comes with the call."""
    is_list: bool = False
    """True where the parameter takes the list of them."""
    parts: tuple[Argument, ...] | None = None
    """Where the parameter takes the list of what several sources give."""
    partitions_def: PartitionsDefinition | None = None
    """Of the upstream asset."""
    metadata: Mapping[str, Any] | None = None
    """What the consumer says of it, in AssetIn."""
    upstream_metadata: Mapping[str, Any] | None = None
    """What the upstream asset's definition says."""
    input_manager_key: str | None = None
    """"resource:NAME" of what reads the value in the place of the IO manager that kept it."""
    log: logging.Logger | None = None
    """For what an IO manager of one's own says."""

    @property
    def is_there(self) -> bool:
        """Tell whether there is something to give: an optional output may have stayed away."""
        return bool(self.kept) or self.is_list or self.given is not NO_VALUE or self.parts is not None


NO_ARGUMENT = Argument("")
"""Stands for nobody's: a value that no function asks for."""


def element_of(annotation: Any) -> Any:
    """Return T of `list[T]`, Any where nothing is declared."""
    arguments = get_args(annotation)
    return arguments[0] if len(arguments) == 1 else Any


@dataclass(frozen=True, slots=True)
class Target:
    """An asset partition that the step makes, and what it is made from."""

    slot: Slot
    output: str
    """The output of the asset's definition."""
    inputs: tuple[Input, ...]
    code_version: str
    is_code_declared: bool
    default_config_digest: str | None


@dataclass(frozen=True, slots=True)
class Tools:
    """What carries values; everything in it travels to worker processes."""

    store: ValueStore
    kinds: ValueKinds
    outputs: ValueStore | None = None
    """For what ops pass on."""
    environments: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """By module, as read once in a run."""
    open_instance: Callable[[], Any] | None = None
    """Gives `context.instance`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One attempt at one step."""

    run: Run
    owner: AssetsDefinition | JobDefinition
    path: str
    """Of the op in its owner."""
    step: str
    section: tuple[str, ...]
    """Where the owner stands in a run config."""
    slots: tuple[Slot, ...]
    """What its unit makes."""
    partitions: tuple[str, ...]
    attempt: int
    arguments: tuple[Argument, ...]
    targets: tuple[Target, ...]
    """Those of the slots whose values come from this op."""
    mapping_key: str | None = None
    orders: tuple[Argument, ...] = ()
    """What it depends on and does not take, by the names of the assets."""
    checks: tuple[AssetCheckSpec, ...] = ()
    """Those of which this op gives the results."""
    checked: tuple[Input, ...] = ()
    """Of what only checks: the asset partitions that it is about, as they are now."""
    hooks: frozenset[HookDefinition] = frozenset()
    """Called once the step is over."""
    retries: int = 0
    """How often the step is tried again whatever it raises."""

    @property
    def maker(self) -> AssetsDefinition:
        """What makes the assets; the owner, where there are targets."""
        assert isinstance(self.owner, AssetsDefinition)
        return self.owner

    @property
    def is_observation(self) -> bool:
        """Tell whether it looks at what is made elsewhere."""
        return isinstance(self.owner, AssetsDefinition) and self.owner.is_observed

    @property
    def node(self) -> OpNode:
        return self.owner.op_nodes[self.path]

    @property
    def config_path(self) -> tuple[str, ...]:
        return (*self.section, *self.path.split(".")) if self.path else self.section

    @property
    def asset(self) -> str:
        """The first asset that its unit makes; "" for an op that is part of none."""
        return self.slots[0][0] if self.slots else ""

    @property
    def partition(self) -> str | None:
        return self.partitions[0] if self.partitions else None


@dataclass(slots=True)
class Outcome:
    """What an attempt came to: facts, and where it failed its error for the log and for the caller."""

    facts: list[Event] = field(default_factory=list)
    error: dict[str, Any] | None = None
    exception: BaseException | None = None
    passed: list[Kept] = field(default_factory=list)
    """What it passes on to other ops of its graph."""
    outputs: frozenset[str] = frozenset()
    """The names of the op's outputs that it gave."""
    values: dict[str, Any] = field(default_factory=dict)
    """What these were, where hooks ask; they don't travel."""
    has_told: bool = False
    """True where the hooks of the step were called."""
    may_retry: bool = True
    retry: tuple[int, float | None] | None = None
    """How often, and after how many seconds, the step itself asked to be tried again."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The exception stays where it was raised: not every one can be pickled.
        given: tuple[Any, ...] = (
            self.facts,
            self.error,
            None,
            self.passed,
            self.outputs,
            {},
            self.has_told,
            self.may_retry,
            self.retry,
        )
        return Outcome, given
