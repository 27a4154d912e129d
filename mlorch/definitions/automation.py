"""When an asset is made by itself: `automation_condition=`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from mlorch.definitions.keys import CoercibleToAssetKey, key_text
from mlorch.errors import InvalidDefinitionError

Selection = Any
"""An AssetSelection, which is declared in terms of assets, and these of conditions."""


@dataclass(frozen=True, slots=True)
class AutomationCondition:
    """What has to be so for an asset, or a check, to be requested. A value; the names are Dagster's.

    Each is true of some partitions of its asset and not of the others; of an asset without partitions it is
    true or not. Conditions are combined with `&`, `|` and `~`, and made of each other by the methods.
    """

    operation: str
    """"missing", "and", "any_deps_match", … : what `planning.automation` evaluates."""
    operands: tuple[AutomationCondition, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()
    """What an operation is given besides, by name."""
    label: str | None = None

    @property
    def name(self) -> str:
        """What `replace` knows it by: the operation, with what it is given."""
        given = ", ".join(f"{name}={value}" for name, value in self.settings if value not in (None, False))
        name = self.operation.upper() if self.operands else self.operation
        return f"{name}({given})" if given else name

    def __str__(self) -> str:
        if self.label is not None or not self.operands:
            return self.label or self.name
        inner = [str(one) for one in self.operands]
        if self.operation in ("and", "or"):
            return f"({(' & ' if self.operation == 'and' else ' | ').join(inner)})"
        if self.operation in ("since", "newly_true"):
            return f"{inner[0]}.{self.operation}({', '.join(inner[1:])})"
        return f"~{inner[0]}" if self.operation == "not" else f"{self.operation}({inner[0]})"

    def get_label(self) -> str | None:
        return self.label

    def setting(self, name: str) -> Any:
        """Return what the operation is given under a name, or None."""
        return next((value for known, value in self.settings if known == name), None)

    def __and__(self, other: AutomationCondition) -> AutomationCondition:
        return self._joined("and", other)

    def __or__(self, other: AutomationCondition) -> AutomationCondition:
        return self._joined("or", other)

    def __invert__(self) -> AutomationCondition:
        return AutomationCondition("not", (self,))

    def since(self, reset_condition: AutomationCondition) -> AutomationCondition:
        """Remember: true from when this is true until the other is."""
        return AutomationCondition("since", (self, _checked(reset_condition)))

    def newly_true(self) -> AutomationCondition:
        """True where this is true and was not at the evaluation before."""
        return AutomationCondition("newly_true", (self,))

    def since_last_handled(self) -> AutomationCondition:
        """Remember this until the asset is requested or made, or the condition is another one."""
        one = AutomationCondition
        handled = one.newly_requested() | one.newly_updated() | one.initial_evaluation()
        return self.since(handled.with_label("handled"))

    def with_label(self, label: str | None) -> AutomationCondition:
        """Name it, for people and for `replace`."""
        return replace(self, label=label)

    def replace(self, old: AutomationCondition | str, new: AutomationCondition) -> AutomationCondition:
        """Put another in the place of what is equal to `old`, or has it for its name or label, anywhere."""
        if old in (self, self.name, self.label):
            return _checked(new)
        return replace(self, operands=tuple(one.replace(old, new) for one in self.operands))

    def without(self, condition: AutomationCondition) -> AutomationCondition:
        """Leave one of several out that are joined by `&`. Raises InvalidDefinitionError for any other."""
        kept = tuple(one for one in self.operands if one != condition)
        if self.operation != "and" or len(kept) == len(self.operands) or len(kept) < 2:
            joined = ", ".join(one.label or one.name for one in self.operands)
            raise InvalidDefinitionError(
                f"without(): {condition.label or condition.name!r} is not one of three or more that are "
                f"joined by & here ({joined or self.name})"
            )
        return replace(self, operands=kept)

    def allow(self, selection: Selection) -> AutomationCondition:
        """Regard only these of the dependencies, or of the checks, in this and all that it is made of."""
        return self._narrowed("allow", selection)

    def ignore(self, selection: Selection) -> AutomationCondition:
        """Disregard these dependencies, or checks, in this and all that it is made of."""
        return self._narrowed("ignore", selection)

    @staticmethod
    def eager() -> AutomationCondition:
        """Make it when something it is made from has a new data version, or when it is missing.

        Waits while a dependency is missing or being made, or the asset is being made. Of partitions of time,
        only the latest.
        """
        one = AutomationCondition
        handled = (one.newly_requested() | one.newly_updated()).with_label("handled")
        return (
            one.in_latest_time_window()
            & (one.newly_missing() | one.any_deps_updated()).since(handled)
            & ~one.any_deps_missing()
            & ~one.any_deps_in_progress()
            & ~one.in_progress()
        ).with_label("eager")

    @staticmethod
    def on_cron(cron_schedule: str, cron_timezone: str = "UTC") -> AutomationCondition:
        """Make it after each tick of a cron schedule, once everything it is made from was made after it.

        Of partitions of time, only the latest. Raises InvalidDefinitionError for a bad cron or time zone.
        """
        one = AutomationCondition
        return (
            one.in_latest_time_window()
            & one.cron_tick_passed(cron_schedule, cron_timezone).since_last_handled()
            & one.all_deps_updated_since_cron(cron_schedule, cron_timezone)
        ).with_label(f"on_cron({cron_schedule}, {cron_timezone})")

    @staticmethod
    def on_missing() -> AutomationCondition:
        """Make partitions that are added after the condition was, once nothing they are made from is missing.

        Of partitions of time, only the latest.
        """
        one = AutomationCondition
        missing = one.missing().newly_true().since_last_handled().with_label("missing_since_last_handled")
        return (one.in_latest_time_window() & missing & ~one.any_deps_missing()).with_label("on_missing")

    @staticmethod
    def missing() -> AutomationCondition:
        """Never made; of what is made elsewhere, never made nor observed."""
        return AutomationCondition("missing")

    @staticmethod
    def newly_missing() -> AutomationCondition:
        """Missing, and not so at the evaluation before."""
        return AutomationCondition.missing().newly_true().with_label("newly_missing")

    @staticmethod
    def newly_updated() -> AutomationCondition:
        """Made or observed since the evaluation before."""
        return AutomationCondition("newly_updated")

    @staticmethod
    def newly_requested() -> AutomationCondition:
        """Requested by the evaluation before."""
        return AutomationCondition("newly_requested")

    @staticmethod
    def data_version_changed() -> AutomationCondition:
        """Has another data version than at the evaluation before."""
        return AutomationCondition("data_version_changed")

    @staticmethod
    def code_version_changed() -> AutomationCondition:
        """Declares another code version than at the evaluation before."""
        return AutomationCondition("code_version_changed")

    @staticmethod
    def in_progress() -> AutomationCondition:
        """Part of a run or a backfill that goes or waits in the queue, and has not made it yet."""
        one = AutomationCondition
        return (one.run_in_progress() | one.backfill_in_progress()).with_label("in_progress")

    @staticmethod
    def run_in_progress() -> AutomationCondition:
        """Part of a run that goes or waits in the queue, and has not made it yet."""
        return AutomationCondition("run_in_progress")

    @staticmethod
    def backfill_in_progress() -> AutomationCondition:
        """Part of a backfill that goes or waits in the queue, and has not made it yet."""
        return AutomationCondition("backfill_in_progress")

    @staticmethod
    def execution_failed() -> AutomationCondition:
        """The last attempt to make it failed."""
        return AutomationCondition("execution_failed")

    @staticmethod
    def initial_evaluation() -> AutomationCondition:
        """Evaluated for the first time, or for the first time as it is declared now."""
        return AutomationCondition("initial_evaluation")

    @staticmethod
    def will_be_requested() -> AutomationCondition:
        """Requested by this evaluation, in the same run as what the whole condition belongs to."""
        return AutomationCondition("will_be_requested")

    @staticmethod
    def in_latest_time_window(lookback_delta: timedelta | None = None) -> AutomationCondition:
        """The latest partition of time, or those in the time before its end; of all else, everything."""
        return AutomationCondition("in_latest_time_window", settings=(("lookback_delta", lookback_delta),))

    @staticmethod
    def cron_tick_passed(cron_schedule: str, cron_timezone: str = "UTC") -> AutomationCondition:
        """A tick of the cron schedule came after the evaluation before.

        Raises InvalidDefinitionError for a bad cron or time zone.
        """
        from mlorch.definitions.cron import cron_fields, find_zone

        cron_fields(cron_schedule)
        find_zone(cron_timezone)
        given = (("cron_schedule", cron_schedule), ("cron_timezone", cron_timezone))
        return AutomationCondition("cron_tick_passed", settings=given)

    @staticmethod
    def executed_with_root_target() -> AutomationCondition:
        """Made since the evaluation before, by a run that was to make what the whole condition belongs to."""
        return AutomationCondition("executed_with_root_target")

    @staticmethod
    def any_new_update_has_run_tags(
        *, tag_keys: Collection[str] | None = None, tag_values: Mapping[str, str] | None = None
    ) -> AutomationCondition:
        """Made since the evaluation before, at least once by a run with all of these tags."""
        return AutomationCondition("any_new_update_has_run_tags", settings=_tags(tag_keys, tag_values))

    @staticmethod
    def all_new_updates_have_run_tags(
        *, tag_keys: Collection[str] | None = None, tag_values: Mapping[str, str] | None = None
    ) -> AutomationCondition:
        """Made since the evaluation before, each time by a run with all of these tags."""
        return AutomationCondition("all_new_updates_have_run_tags", settings=_tags(tag_keys, tag_values))

    @staticmethod
    def check_passed() -> AutomationCondition:
        """Of a check: it passed for the latest materialization."""
        return AutomationCondition("check_passed")

    @staticmethod
    def check_failed() -> AutomationCondition:
        """Of a check: it did not pass for the latest materialization."""
        return AutomationCondition("check_failed")

    @staticmethod
    def freshness_passed() -> AutomationCondition:
        """The freshness policy says PASS."""
        return AutomationCondition("freshness", settings=(("state", "PASS"),), label="freshness_passed")

    @staticmethod
    def freshness_warned() -> AutomationCondition:
        """The freshness policy says WARN."""
        return AutomationCondition("freshness", settings=(("state", "WARN"),), label="freshness_warned")

    @staticmethod
    def freshness_failed() -> AutomationCondition:
        """The freshness policy says FAIL."""
        return AutomationCondition("freshness", settings=(("state", "FAIL"),), label="freshness_failed")

    @staticmethod
    def any_deps_match(condition: AutomationCondition) -> AutomationCondition:
        """True of at least one partition that is read, of any dependency."""
        return AutomationCondition("any_deps_match", (_checked(condition),))

    @staticmethod
    def all_deps_match(condition: AutomationCondition) -> AutomationCondition:
        """True of at least one partition that is read, of every dependency."""
        return AutomationCondition("all_deps_match", (_checked(condition),))

    @staticmethod
    def any_checks_match(condition: AutomationCondition, blocking_only: bool = False) -> AutomationCondition:
        """True of at least one of the asset's checks."""
        given = (("blocking_only", blocking_only),)
        return AutomationCondition("any_checks_match", (_checked(condition),), given)

    @staticmethod
    def all_checks_match(condition: AutomationCondition, blocking_only: bool = False) -> AutomationCondition:
        """True of each of the asset's checks."""
        given = (("blocking_only", blocking_only),)
        return AutomationCondition("all_checks_match", (_checked(condition),), given)

    @staticmethod
    def asset_matches(key: CoercibleToAssetKey, condition: AutomationCondition) -> AutomationCondition:
        """True of the asset named, which is above or below, where its partitions are read or read this."""
        return AutomationCondition("asset_matches", (_checked(condition),), (("key", key_text(key)),))

    @staticmethod
    def any_downstream_conditions() -> AutomationCondition:
        """The condition of anything below holds, as if it were this asset's."""
        return AutomationCondition("any_downstream_conditions")

    @staticmethod
    def any_deps_updated() -> AutomationCondition:
        """A dependency has another data version than before, or is requested in the same run.

        One that was made by a run that was to make this too does not count.
        """
        one = AutomationCondition
        changed = one.newly_updated() & one.data_version_changed() & ~one.executed_with_root_target()
        return one.any_deps_match(
            changed.with_label("newly_updated_without_root") | one.will_be_requested()
        ).with_label("any_deps_updated")

    @staticmethod
    def any_deps_missing() -> AutomationCondition:
        """A dependency is missing, and is not requested in the same run."""
        one = AutomationCondition
        return one.any_deps_match(one.missing() & ~one.will_be_requested()).with_label("any_deps_missing")

    @staticmethod
    def any_deps_in_progress() -> AutomationCondition:
        """A dependency is being made."""
        one = AutomationCondition
        return one.any_deps_match(one.in_progress()).with_label("any_deps_in_progress")

    @staticmethod
    def all_deps_blocking_checks_passed() -> AutomationCondition:
        """Every blocking check of every dependency passed, or is requested in the same run."""
        one = AutomationCondition
        checks = one.all_checks_match(one.check_passed() | one.will_be_requested(), blocking_only=True)
        return one.all_deps_match(checks.with_label("all_blocking_checks_passed")).with_label(
            "all_deps_blocking_checks_passed"
        )

    @staticmethod
    def all_deps_updated_since_cron(cron_schedule: str, cron_timezone: str = "UTC") -> AutomationCondition:
        """Every dependency was made after the latest tick of a cron, or is requested in the same run.

        Raises InvalidDefinitionError for a bad cron or time zone.
        """
        one = AutomationCondition
        made = one.newly_updated().since(one.cron_tick_passed(cron_schedule, cron_timezone))
        return one.all_deps_match(made | one.will_be_requested()).with_label(
            f"all_deps_updated_since_cron({cron_schedule}, {cron_timezone})"
        )

    def _joined(self, operation: str, other: AutomationCondition) -> AutomationCondition:
        several = (self, _checked(other))
        flat = ((*one.operands,) if one._is_plain(operation) else (one,) for one in several)
        return AutomationCondition(operation, tuple(one for some in flat for one in some))

    def _is_plain(self, operation: str) -> bool:
        return self.operation == operation and self.label is None

    def _narrowed(self, how: str, selection: Selection) -> AutomationCondition:
        if self.operation.endswith(("_deps_match", "_checks_match")):
            before = self.setting(how)
            one = selection if before is None else before | selection
            return replace(self, settings=(*(each for each in self.settings if each[0] != how), (how, one)))
        if self.operation not in ("and", "or", "not", "since"):
            return self
        return replace(self, operands=tuple(one._narrowed(how, selection) for one in self.operands))


def require_condition(owner: str, given: object) -> None:
    """Raise InvalidDefinitionError, naming the owner, for what is no automation condition."""
    if not isinstance(given, AutomationCondition):
        raise InvalidDefinitionError(
            f"{owner}: automation_condition is {given!r}; write one such as AutomationCondition.eager()"
        )


def _checked(other: object) -> AutomationCondition:
    if not isinstance(other, AutomationCondition):
        raise InvalidDefinitionError(
            f"{other!r} is no AutomationCondition; write one such as AutomationCondition.missing()"
        )
    return other


def _tags(
    keys: Collection[str] | None, values: Mapping[str, str] | None
) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    return ("tag_keys", tuple(sorted(keys or ()))), ("tag_values", tuple(sorted((values or {}).items())))
