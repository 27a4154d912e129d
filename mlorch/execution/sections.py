"""A run config, taken apart: what it says of ops, resources, the executor and loggers."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlorch.definitions.config import RunConfig, is_section
from mlorch.definitions.executors import ExecutorDefinition
from mlorch.definitions.fields import Fields
from mlorch.errors import InvalidConfigError, InvalidDefinitionError, nearest

Path = tuple[str, ...]
"""Where a config stands: ("model",) is ops.model.config, ("graph", "op") is ops.graph.ops.op.config."""

PARTS = ("ops", "resources", "execution", "loggers", "inputs")


@dataclass(frozen=True, slots=True)
class Sections:
    """A run config, taken apart. None stands for what it does not say."""

    ops: Mapping[Path, Any] = field(default_factory=dict)
    inputs: Mapping[Path, Mapping[str, Any]] = field(default_factory=dict)
    """Values of inputs that nothing is connected to, by the op or graph that has them; () is the job."""
    resources: Mapping[str, Any] = field(default_factory=dict)
    executor: str | None = None
    execution: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the executor."""
    log_level: int | None = None

    @property
    def workers(self) -> int | None:
        """Steps at once."""
        return self.execution.get("max_concurrent") or None


NOTHING = Sections()
"""What a run config that is not there says."""


def read_sections(run_config: RunConfig | Mapping[str, Any] | None) -> Sections:
    """Take a run config apart. Raises InvalidConfigError, naming every section that is not as it should."""
    if run_config is None:
        return NOTHING
    loose = isinstance(run_config, RunConfig)
    if isinstance(run_config, RunConfig):
        names = ("ops", "resources", "execution", "loggers")
        run_config = {name: getattr(run_config, name) for name in names}
    problems: list[str] = []
    check(run_config, PARTS, "the run config", problems)
    refuse(problems)
    sections = {name: mapping(run_config.get(name), name, problems) for name in run_config}
    inputs: dict[Path, Mapping[str, Any]] = {}
    if sections.get("inputs"):
        inputs[()] = sections["inputs"]
    executor, fields = _execution(sections.get("execution", {}), problems)
    found = Sections(
        dict(given_by_path(sections.get("ops", {}), (), problems, loose=loose, inputs=inputs)),
        inputs,
        dict(_resources(sections.get("resources", {}), problems)),
        executor,
        fields,
        _level(sections.get("loggers", {}), problems),
    )
    refuse(problems)
    return found


def given_by_path(
    ops: Mapping[Any, Any],
    above: Path,
    problems: list[str],
    *,
    loose: bool = False,
    inputs: dict[Path, Mapping[str, Any]] | None = None,
) -> Iterator[tuple[Path, Any]]:
    """Yield what is given for each node, by its path; `loose` takes a config where its section belongs.

    Values of inputs are put into `inputs`.
    """
    for name, section in ops.items():
        path = (*above, str(name))
        if name == "config" and not above and len(ops) == 1 and isinstance(section, Mapping):
            # The graph of a job itself takes a config of its own, and its ops take theirs from it.
            yield (), section
        elif isinstance(section, Fields) or (loose and not is_section(section)):
            yield path, section
        elif section is not None and check(
            section, ("config", "ops", "inputs"), f"the run config of {shown(path)}", problems
        ):
            if inputs is not None and section.get("inputs"):
                inputs[path] = mapping(section["inputs"], "inputs", problems)
            if "config" in section or not (section.get("ops") or section.get("inputs")):
                yield path, section.get("config")
            within = mapping(section.get("ops"), "ops", problems)
            yield from given_by_path(within, path, problems, loose=loose, inputs=inputs)


def check(section: Any, names: tuple[str, ...], where: str, problems: list[str]) -> bool:
    """Say what is wrong with a section that is no mapping, or has another key than those it may have."""
    if not isinstance(section, Mapping):
        problems.append(f"{where} should be {{{names[0]}: …}}, not {section!r}; {_SHAPE}")
        return False
    unknown = [name for name in section if name not in names]
    problems += [
        f"{where} has no section {name!r}{nearest(str(name), names)} (it has: {', '.join(names)}); {_SHAPE}"
        for name in unknown
    ]
    return not unknown


def mapping(section: Any, name: str, problems: list[str]) -> Mapping[Any, Any]:
    """Return a section that should be a mapping, or say that it is none."""
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        problems.append(f"the run config: {name} should be {{NAME: …}}, not {section!r}; {_SHAPE}")
        return {}
    return section


def refuse(problems: list[str]) -> None:
    """Raise InvalidConfigError with all that is wrong, each once, if anything is."""
    if problems:
        raise InvalidConfigError("\n".join(dict.fromkeys(problems)))


def shown(path: Path) -> str:
    """Return a path as messages name it."""
    return repr(".".join(path))


_SHAPE = "write {ops: {ASSET: {config: {FIELD: VALUE}}}}"


def _resources(section: Mapping[Any, Any], problems: list[str]) -> Iterator[tuple[str, Any]]:
    for name, given in section.items():
        if isinstance(given, Fields):
            yield str(name), given
        elif check(given, ("config",), f"the run config of resource {name!r}", problems):
            yield str(name), given.get("config") or {}


_EXECUTORS = {
    "in_process": "in_process",
    "multiprocess": "processes",
    "processes": "processes",
    "threads": "threads",
    "dask": "dask",
}


def _execution(section: Mapping[Any, Any], problems: list[str]) -> tuple[str | None, Mapping[str, Any]]:
    """Return executor and fields: of {config: {multiprocess: {max_concurrent: 4}}}, or less nested."""
    executor = None
    found: Any = section
    for _ in range(4):
        if not (isinstance(found, Mapping) and len(found) == 1):
            break
        name = next(iter(found))
        if name in _EXECUTORS and executor is None:
            executor = _EXECUTORS[name]
        elif name != "config":
            break
        found = found[name] or {}
    if not isinstance(found, Mapping):
        problems.append(f"the run config: execution should be {{config: …}}, not {found!r}")
        return executor, {}
    fields = {_RENAMED.get(str(name), str(name)): value for name, value in found.items()}
    try:
        return executor, ExecutorDefinition(executor or "processes").configured(fields).config
    except InvalidDefinitionError as error:
        problems.append(f"the run config, execution: {error}")
        return executor, {}


_RENAMED = {"max_workers": "max_concurrent"}


def _level(section: Mapping[Any, Any], problems: list[str]) -> int | None:
    """Return the lowest level that a logger is given, as the module logging has them."""
    known = logging.getLevelNamesMapping()
    levels = []
    for name, given in section.items():
        where = f"the run config of logger {name!r}"
        if not check(given, ("config",), where, problems):
            continue
        config = given.get("config") or {}
        if not check(config, ("log_level", "name"), where, problems) or "log_level" not in config:
            continue
        level = str(config["log_level"]).upper()
        if level in known:
            levels.append(known[level])
        else:
            problems.append(f"{where}: {level!r} is no log level{nearest(level, known)}")
    return min(levels, default=None)
