"""The decorators `@asset_check` and `@multi_asset_check`: functions that check assets made by others."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from mlorch.definitions.assets import AssetsDefinition
from mlorch.definitions.checks import AssetCheckKey, AssetCheckSpec
from mlorch.definitions.declaring import Dependency, make_op, orders_of, refuse_unknown
from mlorch.definitions.keys import AssetKey, CoercibleToAssetKey
from mlorch.definitions.names import check_plain_name
from mlorch.definitions.ops import OpDefinition
from mlorch.definitions.signature import Signature, read_signature
from mlorch.definitions.specs import AssetDep, AssetIn, RetryPolicy
from mlorch.errors import InvalidDefinitionError

if TYPE_CHECKING:
    from mlorch.definitions.automation import AutomationCondition
    from mlorch.definitions.partitions import PartitionsDefinition


class AssetChecksDefinition(AssetsDefinition):
    """A function that checks assets and makes none. Calling it calls the function, as in a test."""

    kind = "check"

    def __init__(
        self,
        node: OpDefinition,
        check_specs: Iterable[AssetCheckSpec],
        dependencies: Iterable[Dependency] = (),
        *,
        can_subset: bool = False,
        resource_defs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(node, {}, dependencies, can_subset=can_subset, check_specs=check_specs)
        self.resource_defs = dict(resource_defs or {})
        """Resources that come with the check, unless the definitions give others."""

    @property
    def partitions_def(self) -> PartitionsDefinition | None:
        return self.check_specs[0].partitions_def if self.check_specs else None

    @property
    def check_keys(self) -> set[AssetCheckKey]:
        return {spec.key for spec in self.check_specs}

    @property
    def check_key(self) -> AssetCheckKey:
        """That of its one check. Raises InvalidDefinitionError where it evaluates several."""
        if len(self.check_specs) != 1:
            raise InvalidDefinitionError(f"{self!r} evaluates several checks; ask for its check_keys")
        return self.check_specs[0].key

    @property
    def checked(self) -> tuple[str, ...]:
        """The keys of the assets that it checks, each once."""
        return tuple(dict.fromkeys(str(spec.asset_key) for spec in self.check_specs))

    def placed(self, renamed: Mapping[str, AssetKey], group_name: str | None) -> AssetChecksDefinition:
        """Return a copy for the new names of assets."""
        specs = [spec.placed(renamed) for spec in self.check_specs]
        return AssetChecksDefinition(
            _renamed(self.op, specs[0].python_identifier) if len(specs) == 1 else self.op,
            specs,
            [replace(one, key=str(renamed.get(one.key, one.key))) for one in self.dependencies],
            can_subset=self.can_subset,
            resource_defs=self.resource_defs,
        )

    def __repr__(self) -> str:
        return f"<check {', '.join(spec.key.to_user_string() for spec in self.check_specs)}>"


class AssetCheckOptions(TypedDict, total=False):
    """The arguments of `@asset_check`: names, meaning and defaults as in Dagster."""

    asset: Any
    name: str | None
    description: str | None
    blocking: bool
    additional_ins: Mapping[str, AssetIn] | None
    additional_deps: Iterable[object] | None
    required_resource_keys: Iterable[str] | None
    resource_defs: Mapping[str, Any] | None
    config_schema: Any
    compute_kind: str | None
    op_tags: Mapping[str, Any] | None
    retry_policy: RetryPolicy | None
    metadata: Mapping[str, Any] | None
    pool: str | None
    partitions_def: PartitionsDefinition | None
    automation_condition: AutomationCondition | None
    timeout: float | None


class MultiAssetCheckOptions(TypedDict, total=False):
    """The arguments of `@multi_asset_check`: names, meaning and defaults as in Dagster."""

    specs: Sequence[AssetCheckSpec]
    name: str | None
    description: str | None
    can_subset: bool
    compute_kind: str | None
    op_tags: Mapping[str, Any] | None
    resource_defs: Mapping[str, Any] | None
    required_resource_keys: Iterable[str] | None
    retry_policy: RetryPolicy | None
    config_schema: Any
    ins: Mapping[str, Any] | None
    pool: str | None
    timeout: float | None


def asset_check(
    **options: Unpack[AssetCheckOptions],
) -> Callable[[Callable[..., Any]], AssetChecksDefinition]:
    """Declare that a function checks an asset, and returns an AssetCheckResult.

    A parameter that no option names takes the value of the asset; without one nothing is loaded.
    `additional_ins` and `additional_deps` are of other assets. Raises InvalidDefinitionError, naming it.
    """
    namespace = sys._getframe(1).f_locals
    refuse_unknown(options, AssetCheckOptions.__annotations__, "@asset_check")
    if "asset" not in options:
        raise InvalidDefinitionError("@asset_check needs the asset that it checks: @asset_check(asset=…)")
    return lambda function: _define_one(function, namespace, options)


def multi_asset_check(
    **options: Unpack[MultiAssetCheckOptions],
) -> Callable[[Callable[..., Any]], AssetChecksDefinition]:
    """Declare that a function evaluates several checks, and yields an AssetCheckResult for each.

    `ins` says which assets its parameters take; one named like an asset that it checks needs no entry. With
    `can_subset` it evaluates what `context.selected_asset_check_keys` asks for. Raises
    InvalidDefinitionError, naming it.
    """
    namespace = sys._getframe(1).f_locals
    refuse_unknown(options, MultiAssetCheckOptions.__annotations__, "@multi_asset_check")
    return lambda function: _define_several(function, namespace, options)


def _define_one(
    function: Callable[..., Any], namespace: Mapping[str, Any], options: Mapping[str, Any]
) -> AssetChecksDefinition:
    name = options.get("name") or function.__name__
    check_plain_name(name, "a check")
    spec = AssetCheckSpec(
        name,
        asset=options["asset"],
        description=options.get("description") or inspect.getdoc(function),
        additional_deps=options.get("additional_deps"),
        blocking=options.get("blocking", False),
        metadata=options.get("metadata"),
        partitions_def=options.get("partitions_def"),
        automation_condition=options.get("automation_condition"),
    )
    owner = f"check {name!r} of {str(spec.asset_key)!r}"
    signature = read_signature(function, owner, namespace)
    more = options.get("additional_ins") or {}
    own = [one for one in signature.arguments if one not in more]
    if len(own) > 1:
        raise InvalidDefinitionError(
            f"{owner}: the parameters {', '.join(own)} would all take its value; give those of other assets "
            "in additional_ins={NAME: AssetIn(…)}"
        )
    _refuse_unnamed(owner, more, signature)
    ins = {**more, **{one: AssetIn(key=spec.asset_key) for one in own}}
    orders: list[Any] = [spec.asset_key] if not own else []
    orders += [AssetDep.of(one) for one in options.get("additional_deps") or ()]
    op = make_op(function, spec.python_identifier, signature, {}, options)
    return _defined(op, (spec,), ins, orders, options)


def _define_several(
    function: Callable[..., Any], namespace: Mapping[str, Any], options: Mapping[str, Any]
) -> AssetChecksDefinition:
    name = options.get("name") or function.__name__
    owner = f"multi_asset_check {name!r}"
    specs = tuple(options.get("specs") or ())
    if not specs or not all(isinstance(one, AssetCheckSpec) for one in specs):
        raise InvalidDefinitionError(f"{owner}: give specs=[AssetCheckSpec(…), …]")
    if len({spec.key for spec in specs}) < len(specs):
        raise InvalidDefinitionError(f"{owner} declares one check twice")
    if len({spec.partitions_def for spec in specs}) > 1:
        raise InvalidDefinitionError(
            f"{owner}: its checks are evaluated together and need one partitions_def"
        )
    signature = read_signature(function, owner, namespace)
    ins = dict(options.get("ins") or {})
    _refuse_unnamed(owner, ins, signature)
    checked = dict.fromkeys(str(spec.asset_key) for spec in specs)
    for argument in signature.arguments:
        if argument not in ins and argument not in checked:
            raise InvalidDefinitionError(
                f"{owner}: no asset that it checks is named like its parameter {argument!r}; say which is "
                f"meant with ins={{{argument!r}: AssetIn(…)}}"
            )
        ins.setdefault(argument, AssetIn(key=argument))
    loaded = {
        (one if isinstance(one, AssetIn) else AssetIn(key=one)).resolve(key) for key, one in ins.items()
    }
    orders: list[Any] = [key for key in checked if key not in loaded]
    orders += dict.fromkeys(key for spec in specs for key in spec.additional_deps if key not in checked)
    return _defined(make_op(function, name, signature, {}, options), specs, ins, orders, options)


def _refuse_unnamed(owner: str, ins: Mapping[str, Any], signature: Signature) -> None:
    unknown = sorted(ins.keys() - signature.arguments.keys())
    if unknown and not signature.takes_any:
        raise InvalidDefinitionError(f"{owner}: {unknown[0]!r} is no parameter of it")


def _defined(
    op: OpDefinition,
    specs: tuple[AssetCheckSpec, ...],
    ins: Mapping[str, Any],
    orders: Iterable[CoercibleToAssetKey | AssetDep],
    options: Mapping[str, Any],
) -> AssetChecksDefinition:
    return AssetChecksDefinition(
        op,
        specs,
        [*_loaded(op.signature, ins), *orders_of(AssetDep.of(one) for one in orders)],
        can_subset=options.get("can_subset", False),
        resource_defs=options.get("resource_defs"),
    )


def _loaded(signature: Signature, ins: Mapping[str, Any]) -> Iterable[Dependency]:
    for argument, given in ins.items():
        one = given if isinstance(given, AssetIn) else AssetIn(key=given)
        annotation = signature.arguments.get(argument, one.dagster_type)
        yield Dependency(one.resolve(argument), argument, annotation, one.partition_mapping, one.metadata)


def _renamed(op: OpDefinition, name: str) -> OpDefinition:
    made = object.__new__(type(op))
    vars(made).update(vars(op))
    made.name = name
    return made
