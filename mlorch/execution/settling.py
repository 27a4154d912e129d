"""What a run is given, settled and checked before its first step: configs, resources, executor, log level."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlorch.definitions.config import Config, RunConfig, is_section, make_config
from mlorch.definitions.factories import ResourceDefinition
from mlorch.definitions.fields import Fields, Resolving
from mlorch.definitions.resources import AtLaunch, ConfigurableResourceFactory, configured
from mlorch.definitions.wiring import nested, required_keys
from mlorch.errors import InvalidConfigError, nearest
from mlorch.planning.versions import config_digest

Path = tuple[str, ...]
"""Where a config stands: ("model",) is ops.model.config, ("graph", "op") is ops.graph.ops.op.config."""


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """A config in this run: its values, as recorded, their digest, and the secrets in them."""

    value: Config
    recorded: Mapping[str, Any]
    digest: str
    secrets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sections:
    """A run config, taken apart. None stands for what it does not say."""

    ops: Mapping[Path, Any] = field(default_factory=dict)
    resources: Mapping[str, Any] = field(default_factory=dict)
    executor: str | None = None
    workers: int | None = None
    log_level: int | None = None


def settle_configs(
    wanted: Mapping[Path, type[Config] | None],
    run_config: RunConfig | Mapping[str, Any] | None,
    needed: Iterable[Path] | None = None,
) -> dict[Path, NodeConfig]:
    """Return the config of each node that is needed and takes one.

    `wanted` has every node that a run config may name, with its Config or None; without `needed` all are.
    Raises InvalidConfigError with all that is wrong: unknown names and fields, wrong and missing values.
    """
    problems: list[str] = []
    given = _by_node(wanted, read_sections(run_config).ops, problems)
    asked = set(wanted if needed is None else needed)
    configs = {}
    for path in dict.fromkeys((*(wanted if needed is None else needed), *given)):
        kind = wanted.get(path)
        if kind is None:
            if given.get(path):
                problems.append(f"the run config names {_shown(path)}, which has no config parameter")
            continue
        try:
            config = make_config(kind, given.get(path), f"the config of {_shown(path)}")
            if path in asked:
                configs[path] = _settled(config)
        except InvalidConfigError as error:
            problems.append(str(error))
    _refuse(problems)
    return configs


def settle_resources(
    resources: Mapping[str, Any], names: Iterable[str], given: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the named resources, those that there are, as this run has them, and the secret texts in them.

    `given` has the fields that the run config gives to resources, by name: `read_sections(…).resources`.
    Raises InvalidConfigError with all that is wrong: unknown names and fields, variables that are not set.
    """
    given = given or {}
    problems = [
        f"the run config names {name!r}, no resource{nearest(name, resources)}"
        for name in given
        if name not in resources
    ]
    settling = _Settling(resources, given, problems)
    found = {name: settling.made(resources[name]) for name in sorted(needed_names(resources, names))}
    settling.check_rest()
    _refuse(problems)
    return found, frozenset(settling.resolving.secrets)


def needed_names(resources: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    """Return the names, those that there are, and the names of what these require."""
    found: set[str] = set()
    waiting = [name for name in names if name in resources]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [one for one in required_keys(resources[name]) if one in resources]
    return found


def read_sections(run_config: RunConfig | Mapping[str, Any] | None) -> Sections:
    """Take a run config apart. Raises InvalidConfigError, naming every section that is not as it should."""
    if run_config is None:
        return Sections()
    loose = isinstance(run_config, RunConfig)
    if isinstance(run_config, RunConfig):
        names = ("ops", "resources", "execution", "loggers")
        run_config = {name: getattr(run_config, name) for name in names}
    problems: list[str] = []
    _check(run_config, ("ops", "resources", "execution", "loggers"), "the run config", problems)
    _refuse(problems)
    sections = {name: _mapping(run_config.get(name), name, problems) for name in run_config}
    executor, workers = _execution(sections.get("execution", {}), problems)
    found = Sections(
        dict(_given(sections.get("ops", {}), (), loose, problems)),
        dict(_resources(sections.get("resources", {}), problems)),
        executor,
        workers,
        _level(sections.get("loggers", {}), problems),
    )
    _refuse(problems)
    return found


class _Settling:
    """Gives each resource, also one within others, what this run says of it; each once."""

    def __init__(self, resources: Mapping[str, Any], given: Mapping[str, Any], problems: list[str]) -> None:
        self._names = {id(one): name for name, one in resources.items()}
        self._resources = resources
        self._given = given
        self._problems = problems
        self._checked: set[str] = set()
        self.resolving = Resolving()

    def made(self, found: Any) -> Any:
        """Return a resource with its environment variables replaced; say what is wrong with it."""
        for one in nested(found):
            self.made(one)
        if id(found) not in self.resolving.known:
            try:
                self.resolving.known[id(found)] = self.resolving(self._configured(found))
            except InvalidConfigError as error:
                self._problems.append(str(error))
                self.resolving.known[id(found)] = found
        return self.resolving.known[id(found)]

    def check_rest(self) -> None:
        """Say what is wrong with what the run config gives to resources that no step takes."""
        for name in self._given.keys() - self._checked:
            if name in self._resources:
                try:
                    self._configured(self._resources[name])
                except InvalidConfigError as error:
                    self._problems.append(str(error))

    def _configured(self, found: Any) -> Any:
        name = self._names.get(id(found), "")
        self._checked.add(name)
        where, given = f"the config of resource {name!r}", self._given.get(name)
        if isinstance(given, Fields):
            given = given.given()
        if isinstance(found, ResourceDefinition):
            config = self.resolving(found.settled(given, where))
            return found.configured(config)
        if isinstance(found, AtLaunch) and not name:
            return found
        if isinstance(found, AtLaunch) or (
            given is not None and isinstance(found, ConfigurableResourceFactory)
        ):
            return configured(found, given or {}, where)
        if given is not None:
            raise InvalidConfigError(f"{where}: a {type(found).__name__} takes no config")
        return found


_SHAPE = "write {ops: {ASSET: {config: {FIELD: VALUE}}}}"


def _check(section: Any, names: tuple[str, ...], where: str, problems: list[str]) -> bool:
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


def _mapping(section: Any, name: str, problems: list[str]) -> Mapping[Any, Any]:
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        problems.append(f"the run config: {name} should be {{NAME: …}}, not {section!r}; {_SHAPE}")
        return {}
    return section


def _given(
    ops: Mapping[Any, Any], above: Path, loose: bool, problems: list[str]
) -> Iterator[tuple[Path, Any]]:
    """Yield what is given for each node, by its path; `loose` takes a config where its section belongs."""
    for name, section in ops.items():
        path = (*above, str(name))
        if isinstance(section, Fields) or (loose and not is_section(section)):
            yield path, section
        elif section is not None and _check(
            section, ("config", "ops"), f"the run config of {_shown(path)}", problems
        ):
            if "config" in section or not section.get("ops"):
                yield path, section.get("config")
            yield from _given(_mapping(section.get("ops"), "ops", problems), path, loose, problems)


def _resources(section: Mapping[Any, Any], problems: list[str]) -> Iterator[tuple[str, Any]]:
    for name, given in section.items():
        if isinstance(given, Fields):
            yield str(name), given
        elif _check(given, ("config",), f"the run config of resource {name!r}", problems):
            yield str(name), given.get("config") or {}


_EXECUTORS = {
    "in_process": "in_process",
    "multiprocess": "processes",
    "processes": "processes",
    "threads": "threads",
    "dask": "dask",
}
_WORKERS = ("max_concurrent", "max_workers")


def _execution(section: Mapping[Any, Any], problems: list[str]) -> tuple[str | None, int | None]:
    """Return executor and workers: of {config: {multiprocess: {max_concurrent: 4}}}, or less nested."""
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
    if not _check(found, _WORKERS, "the run config, execution", problems):
        return executor, None
    workers = next((found[name] for name in _WORKERS if found.get(name) is not None), None)
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        problems.append(f"the run config, execution: workers are a whole number from 1 on, not {workers!r}")
        return executor, None
    return executor, workers


def _level(section: Mapping[Any, Any], problems: list[str]) -> int | None:
    """Return the lowest level that a logger is given, as the module logging has them."""
    known = logging.getLevelNamesMapping()
    levels = []
    for name, given in section.items():
        where = f"the run config of logger {name!r}"
        if not _check(given, ("config",), where, problems):
            continue
        config = given.get("config") or {}
        if not _check(config, ("log_level", "name"), where, problems) or "log_level" not in config:
            continue
        level = str(config["log_level"]).upper()
        if level in known:
            levels.append(known[level])
        else:
            problems.append(f"{where}: {level!r} is no log level{nearest(level, known)}")
    return min(levels, default=None)


def _by_node(wanted: Mapping[Path, Any], given: Mapping[Path, Any], problems: list[str]) -> dict[Path, Any]:
    """Return what is given by the paths of nodes; "prefix__name" also means the asset "prefix/name"."""
    if not given:
        return {}
    below: dict[Path, dict[str, None]] = defaultdict(dict)
    for path in wanted:
        for depth, name in enumerate(path):
            below[path[:depth]][name] = None
    found = {}
    for path, fields in given.items():
        real: Path = ()
        for name in path:
            known = below[real]
            key = name if name in known else name.replace("__", "/")
            if key not in known:
                what = (
                    f"in {_shown(real)} names {name!r}, no op of it"
                    if real
                    else f"names {name!r}, no asset or op"
                )
                problems.append(f"the run config {what}{nearest(key, known)}")
                break
            real = (*real, key)
        else:
            found[real] = fields
    return found


def _settled(config: Config) -> NodeConfig:
    recorded = config.recorded()
    secrets = frozenset(config.secrets())
    return NodeConfig(config.resolved(), recorded, config_digest(recorded), secrets)


def _refuse(problems: list[str]) -> None:
    if problems:
        raise InvalidConfigError("\n".join(dict.fromkeys(problems)))


def _shown(path: Path) -> str:
    return repr(".".join(path))
