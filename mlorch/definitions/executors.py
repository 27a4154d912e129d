"""Which executor performs the steps of a job: what people write as `executor_def=` and `executor=`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlorch.errors import InvalidDefinitionError, nearest


@dataclass(frozen=True, slots=True)
class ExecutorDefinition:
    """An executor by its name, with its config."""

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)

    def configured(self, config: Mapping[str, Any]) -> ExecutorDefinition:
        """Return a copy with this config on top.

        "max_concurrent" is how many steps run at once (0, like none, is as many as there are cores), and
        "address" that of a Dask scheduler. Dagster's sections for its own executors are read as well. Raises
        InvalidDefinitionError for an unknown or wrong field.
        """
        for section, name in _SECTIONS.items():
            if set(config) == {section}:
                return replace(self, name=name).configured(config[section])
        given = dict(config)
        if self.name == "dask" and "cluster" in given:
            given.update(_address_of(given.pop("cluster")))
        for field_name, value in given.items():
            _check(self.name, field_name, value)
        return replace(self, config={**self.config, **given})

    @property
    def max_concurrent(self) -> int | None:
        """Steps at once; None means as many as the executor thinks right."""
        return self.config.get("max_concurrent") or None

    @property
    def address(self) -> str:
        """The address of a Dask scheduler; "" means a cluster on this machine."""
        return str(self.config.get("address", ""))

    @property
    def tag_concurrency_limits(self) -> tuple[Mapping[str, Any], ...]:
        """Limits on steps at once that have a tag: {"key": …, "value": …, "limit": …}."""
        return tuple(self.config.get("tag_concurrency_limits", ()))

    @property
    def are_retries_enabled(self) -> bool:
        """Whether the retry policies of steps hold."""
        return "disabled" not in self.config.get("retries", {})


in_process_executor = ExecutorDefinition("in_process")
threads_executor = ExecutorDefinition("threads")
multiprocess_executor = ExecutorDefinition("processes")
multi_or_in_process_executor = ExecutorDefinition("processes")
dask_executor = ExecutorDefinition("dask")

_FIELDS: Mapping[str, Mapping[str, type]] = {
    "in_process": {"retries": Mapping, "marker_to_close": str},
    "threads": {"max_concurrent": int, "tag_concurrency_limits": list, "retries": Mapping},
    "processes": {
        "max_concurrent": int,
        "tag_concurrency_limits": list,
        "retries": Mapping,
        # How Dagster starts a process for every step; workers here are started once.
        "start_method": Mapping,
    },
    "dask": {"max_concurrent": int, "tag_concurrency_limits": list, "retries": Mapping, "address": str},
}

_SECTIONS = {"multiprocess": "processes", "in_process": "in_process"}
"""What may stand around the config of Dagster's default executor, which is one of the two."""


def _address_of(cluster: Any) -> dict[str, Any]:
    """Return the fields that a cluster stands for, written as for Dagster: existing or local."""
    match cluster:
        case {"existing": {"address": address}}:
            return {"address": address}
        case {"local": {"n_workers": workers}}:
            return {"max_concurrent": workers}
        case {"local": _}:
            return {}
    raise InvalidDefinitionError(
        f"the executor 'dask' knows no cluster {cluster!r}; start it yourself and give its address"
    )


def _check(executor: str, name: str, value: Any) -> None:
    known = _FIELDS[executor]
    if name not in known:
        raise InvalidDefinitionError(
            f"the executor {executor!r} has no field {name!r}{nearest(name, known)} "
            f"(there are: {', '.join(known)})"
        )
    is_wrong = not isinstance(value, known[name]) or isinstance(value, bool)
    if is_wrong or (name == "max_concurrent" and value < 0):
        what = {int: "a whole number from 0 on", str: "text", list: "a list"}.get(known[name], "a section")
        raise InvalidDefinitionError(f"the executor {executor!r}: {name!r} should be {what}, not {value!r}")
