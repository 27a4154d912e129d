"""What the decorators of assets have in common: names, edges and ops, read from their arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlorch.definitions.keys import AssetKey, check_name, key_text
from mlorch.definitions.ops import In, Nothing, OpDefinition, Out, declared_config
from mlorch.definitions.signature import EMPTY, Signature
from mlorch.definitions.specs import CONTENT, AssetDep, AssetIn
from mlorch.errors import InvalidDefinitionError

if TYPE_CHECKING:
    from mlorch.definitions.graphs import GraphDefinition
    from mlorch.definitions.mappings import PartitionMapping


@dataclass(frozen=True, slots=True)
class Dependency:
    """An edge of the graph; `argument` takes the value, and is None where only order counts."""

    key: str
    argument: str | None = None
    annotation: Any = EMPTY
    partition_mapping: PartitionMapping | None = None
    metadata: Mapping[str, Any] | None = None
    input_manager_key: str | None = None
    """The resource that reads the value, in the place of the IO manager that kept it."""


def refuse_unknown(options: Mapping[str, Any], known: Iterable[str], decorator: str) -> None:
    """Raise InvalidDefinitionError for an argument that a decorator does not have."""
    unknown = options.keys() - set(known)
    if unknown:
        raise InvalidDefinitionError(f"{decorator} has no argument {sorted(unknown)[0]!r}")


def key_of(function: Callable[..., Any], options: Mapping[str, Any], decorator: str = "asset") -> AssetKey:
    """Return the key that a decorator's options, or the function's name, give its asset.

    Raises InvalidDefinitionError for a reserved name, and where key and name are given.
    """
    if options.get("key") is not None:
        if options.get("name") or options.get("key_prefix"):
            raise InvalidDefinitionError(
                f"@{decorator} {function.__name__!r}: give key=… or name=… with key_prefix=…, not both"
            )
        return AssetKey.from_user_string(key_text(options["key"]))
    name = options.get("name") or function.__name__
    check_name(name)
    prefix = options.get("key_prefix")
    return AssetKey(name).with_prefix(prefix) if prefix else AssetKey(name)


def content_of(owner: str, options: Mapping[str, Any]) -> type[CONTENT] | None:
    """Return what a decorator's `data_version` says. Raises InvalidDefinitionError for a version itself."""
    given: type[CONTENT] | None = options.get("data_version")
    if given not in (None, CONTENT):
        raise InvalidDefinitionError(
            f"{owner}: data_version can be CONTENT; one of your own comes with the value, as "
            "Output(value, data_version=DataVersion(…))"
        )
    return given


def chosen(options: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return some of a decorator's options; None for what was not given."""
    return {name: options.get(name) for name in names}


def arguments_of(
    owner: str, signature: Signature, ins: Mapping[str, AssetIn | AssetKey]
) -> Iterable[Dependency]:
    """Return the edges that the parameters of a function are, `ins` saying what their names do not.

    Raises InvalidDefinitionError, naming the owner, where `ins` has a name that is no parameter.
    """
    unknown = {name for name in ins.keys() - signature.arguments.keys() if not _orders_only(ins[name])}
    if unknown and not signature.takes_any:
        raise InvalidDefinitionError(
            f"{owner}: ins names {sorted(unknown)[0]!r}, which is no parameter of it"
        )
    for name in dict.fromkeys((*signature.arguments, *ins)):
        given = ins.get(name, AssetIn())
        if not isinstance(given, AssetIn):
            given = AssetIn(key=given)
        annotation = signature.arguments.get(name, EMPTY)
        if annotation is EMPTY:
            annotation = given.dagster_type
        argument = None if _orders_only(given) else name
        yield Dependency(
            given.resolve(name),
            argument,
            annotation,
            given.partition_mapping,
            given.metadata,
            given.input_manager_key,
        )


def edges_of(
    node: OpDefinition | GraphDefinition, ins: Mapping[str, AssetIn | AssetKey]
) -> Sequence[Dependency]:
    """Return the edges that the inputs of an op or graph are, `ins` saying what their names do not."""
    found = []
    for name, one in node.ins.items():
        given = ins.get(name, AssetIn())
        given = given if isinstance(given, AssetIn) else AssetIn(key=given)
        key, mapping = given.resolve(name), given.partition_mapping
        found.append(
            Dependency(key, name, one.dagster_type, mapping, given.metadata, given.input_manager_key)
        )
    return found


def orders_of(deps: Iterable[AssetDep]) -> Iterable[Dependency]:
    """Return the edges that order and load nothing."""
    for dep in deps:
        yield Dependency(dep.key, partition_mapping=dep.partition_mapping)


def make_op(
    function: Callable[..., Any],
    name: str,
    signature: Signature,
    outs: Mapping[str, Out],
    options: Mapping[str, Any],
) -> OpDefinition:
    """Return the op of an asset's function; `options` are those of the decorator."""
    return OpDefinition(
        function,
        name,
        signature=signature,
        ins={argument: In(annotation) for argument, annotation in signature.arguments.items()},
        outs=outs,
        config=declared_config(f"asset {name!r}", signature, options.get("config_schema")),
        retry_policy=options.get("retry_policy"),
        tags=options.get("op_tags"),
        pool=options.get("pool"),
        timeout=options.get("timeout"),
        hooks=frozenset(options.get("hooks") or ()),
        required_resource_keys=frozenset(options.get("required_resource_keys") or ()),
    )


def _orders_only(given: Any) -> bool:
    return getattr(given, "dagster_type", None) is Nothing
