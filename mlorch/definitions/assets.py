"""The decorator `@asset` and what it makes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

from mlorch.definitions.importable import Importable
from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey, check_name, key_text
from mlorch.definitions.signature import EMPTY, Signature, read_signature
from mlorch.definitions.specs import AUTO, CONTENT, AssetDep, AssetIn, AssetSpec, RetryPolicy
from mlorch.errors import InvalidDefinitionError

if TYPE_CHECKING:
    from mlorch.definitions.mappings import PartitionMapping
    from mlorch.definitions.partitions import PartitionsDefinition


@dataclass(frozen=True, slots=True)
class Dependency:
    """An edge of the graph; `argument` takes the value, and is None where only order counts."""

    key: str
    argument: str | None = None
    annotation: Any = EMPTY
    partition_mapping: PartitionMapping | None = None


class AssetsDefinition(Importable):
    """A function that makes an asset. Calling it calls the function, as in a test."""

    def __init__(
        self,
        function: Callable[..., Any],
        spec: AssetSpec,
        *,
        signature: Signature,
        dependencies: tuple[Dependency, ...],
        io_manager_key: str | None = None,
        retry_policy: RetryPolicy | None = None,
        data_version: type[CONTENT] | None = None,
    ) -> None:
        self.function = function
        self.spec = spec
        self.signature = signature
        self.dependencies = dependencies
        self.io_manager_key = io_manager_key
        self.retry_policy = retry_policy
        self.data_version = data_version
        self.stand_for(function, spec.key.name)

    @property
    def key(self) -> AssetKey:
        return self.spec.key

    @property
    def partitions_def(self) -> PartitionsDefinition | None:
        return self.spec.partitions_def

    def placed(self, renamed: Mapping[str, AssetKey], group_name: str | None) -> AssetsDefinition:
        """Return a copy under the new names of itself and of its dependencies, in a group if one is given."""
        moved = (replace(d, key=str(renamed.get(d.key, d.key))) for d in self.dependencies)
        return AssetsDefinition(
            self.function,
            self.spec.placed(renamed, group_name),
            signature=self.signature,
            dependencies=tuple(moved),
            io_manager_key=self.io_manager_key,
            retry_policy=self.retry_policy,
            data_version=self.data_version,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<asset {self.key}>"


class AssetOptions(TypedDict, total=False):
    """The arguments of `@asset`: names, meaning and defaults as in Dagster."""

    name: str | None
    key: CoercibleToAssetKey | None
    key_prefix: str | Sequence[str] | None
    ins: Mapping[str, AssetIn] | None
    deps: Iterable[object] | None
    metadata: Mapping[str, Any] | None
    tags: Mapping[str, str] | None
    kinds: Iterable[str] | None
    owners: Iterable[str] | None
    description: str | None
    group_name: str | None
    io_manager_key: str | None
    partitions_def: PartitionsDefinition | None
    code_version: str | type[AUTO] | None
    data_version: type[CONTENT] | None
    retry_policy: RetryPolicy | None


@overload
def asset(function: Callable[..., Any], /) -> AssetsDefinition: ...


@overload
def asset(**options: Unpack[AssetOptions]) -> Callable[[Callable[..., Any]], AssetsDefinition]: ...


def asset(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare that a function makes an asset; `AssetOptions` has the arguments.

    The parameters name the upstream assets, but for `context`, `config` (a Config) and resources (annotated
    with a ConfigurableResource). The return annotation chooses how the value is checked and kept; `-> None`
    keeps nothing. Raises InvalidDefinitionError, naming the asset.
    """
    namespace = sys._getframe(1).f_locals
    if function is not None:
        return _define(function, namespace, {})
    unknown = options.keys() - AssetOptions.__annotations__.keys()
    if unknown:
        raise InvalidDefinitionError(f"@asset has no argument {sorted(unknown)[0]!r}")
    return lambda decorated: _define(decorated, namespace, options)


_SPEC_OPTIONS = ("metadata", "tags", "kinds", "owners", "group_name", "partitions_def", "code_version")


def _define(
    function: Callable[..., Any], namespace: Mapping[str, Any], options: Mapping[str, Any]
) -> AssetsDefinition:
    key = _key(function, options)
    signature = read_signature(function, f"asset {str(key)!r}", namespace)
    if options.get("data_version") not in (None, CONTENT):
        raise InvalidDefinitionError(
            f"asset {str(key)!r}: data_version can be CONTENT; one of your own comes with the value, as "
            "Output(value, data_version=DataVersion(…))"
        )
    spec = AssetSpec(
        key,
        deps=options.get("deps"),
        description=options.get("description") or inspect.getdoc(function),
        **{name: options.get(name) for name in _SPEC_OPTIONS},
    )
    return AssetsDefinition(
        function,
        spec,
        signature=signature,
        dependencies=(*_arguments(key, signature, options.get("ins") or {}), *_orders(spec.deps)),
        io_manager_key=options.get("io_manager_key"),
        retry_policy=options.get("retry_policy"),
        data_version=options.get("data_version"),
    )


def _key(function: Callable[..., Any], options: Mapping[str, Any]) -> AssetKey:
    if options.get("key") is not None:
        if options.get("name") or options.get("key_prefix"):
            raise InvalidDefinitionError(
                f"@asset {function.__name__!r}: give key=… or name=… with key_prefix=…, not both"
            )
        return AssetKey.from_user_string(key_text(options["key"]))
    name = options.get("name") or function.__name__
    check_name(name)
    prefix = options.get("key_prefix")
    return AssetKey(name).with_prefix(prefix) if prefix else AssetKey(name)


def _arguments(key: AssetKey, signature: Signature, ins: Mapping[str, AssetIn]) -> Iterable[Dependency]:
    unknown = ins.keys() - signature.arguments.keys()
    if unknown and not signature.takes_any:
        name = sorted(unknown)[0]
        raise InvalidDefinitionError(f"asset {str(key)!r}: ins names {name!r}, which is no parameter of it")
    for name in dict.fromkeys((*signature.arguments, *ins)):
        given = ins.get(name, AssetIn())
        annotation = signature.arguments.get(name, EMPTY)
        yield Dependency(given.resolve(name), name, annotation, given.partition_mapping)


def _orders(deps: tuple[AssetDep, ...]) -> Iterable[Dependency]:
    for dep in deps:
        yield Dependency(dep.key, partition_mapping=dep.partition_mapping)
