"""Every exception of mlorch.

    MlorchError
    ├── UserError                     the user's mistake: exit code 2
    │   ├── InvalidDefinitionError    definitions that contradict themselves, found when they load
    │   │   └── MissingDefinitionError    they name what no definition declares, found when they are resolved
    │   ├── InvalidConfigError        a config field, a setting or an environment variable
    │   ├── InvalidSelectionError     a selection that does not parse or names an unknown asset
    │   ├── UnknownPartitionError     a partition key that its definition does not have
    │   ├── TypeCheckError            a value that contradicts its annotation
    │   ├── IntegrityError            bytes on disk that are not the recorded ones
    │   ├── StorageError              a database or folder that can't be read or written
    │   │   └── UnreachableError          a server that does not answer now
    │   ├── NotFoundError             a run, version or value that was never recorded
    │   ├── BusyError                 somebody else holds what is asked for
    │   ├── AlreadyDoneError          what is done a single time was done before
    │   └── MissingDependencyError    an optional package that is not installed
    ├── SchemaError                   a frame that breaks its schema: the run fails, exit code 1
    ├── AssetCheckFailedError         a blocking check that failed: the run fails, exit code 1
    ├── Failure                       raised by a step on purpose: the run fails, exit code 1
    ├── RetryRequested                raised by a step that wants to be tried again
    ├── WorkerError                   what performed a step ended before it: exit code 1
    ├── StepTimeoutError              a step took longer than it may: exit code 1
    ├── ResourceError                 a resource can't be set up, so a step fails: exit code 1
    ├── RunCanceledError              a run was asked to end while it waited: exit code 1
    └── RunFailedError                a run failed: exit code 1

Each message says what was wrong, where, and what would be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any


class MlorchError(Exception):
    """The root: everything that mlorch raises on purpose."""

    exit_code = 3


class UserError(MlorchError):
    """Something that the person can put right."""

    exit_code = 2


class InvalidDefinitionError(UserError):
    """Definitions contradict themselves; raised when they load, never later."""


class MissingDefinitionError(InvalidDefinitionError):
    """Definitions name something that they do not declare; others, merged with them, may."""


class InvalidConfigError(UserError):
    """A config field, a setting or an environment variable is missing or wrong."""


class InvalidSelectionError(UserError):
    """A selection does not parse, or names an asset that does not exist."""


class UnknownPartitionError(UserError):
    """A partition key that its partitions definition does not have."""


class TypeCheckError(UserError):
    """A value contradicts the annotation it is declared under."""


class IntegrityError(UserError):
    """Bytes on disk are not the recorded ones; nothing of them was interpreted."""


class StorageError(UserError):
    """A database or a folder can't be read or written as it is."""


class UnreachableError(StorageError):
    """The server of a database does not answer now; what it was to do last may have been done."""


class NotFoundError(UserError):
    """A run, a version or a value that was never recorded, or was removed."""


class BusyError(UserError):
    """Somebody else holds what is asked for; the message says who."""


class AlreadyDoneError(UserError):
    """What is done a single time was done before; nothing of it was done again.

    `names` are those that were used, in order of the alphabet.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(sorted(names))
        super().__init__(f"was done before, and is done only once: {', '.join(map(repr, self.names))}")

    def __reduce__(self) -> tuple[type[AlreadyDoneError], tuple[tuple[str, ...]]]:
        return type(self), (self.names,)


class MissingDependencyError(UserError):
    """An optional package is not installed; the message has the command that installs it."""


class SchemaError(MlorchError):
    """A frame breaks its schema. Nothing was stored; the previous version stays.

    `report` holds every failure at once: counts by column and check, and sample rows.
    """

    exit_code = 1

    def __init__(self, message: str, report: dict[str, object]) -> None:
        super().__init__(message)
        self.report = report

    def __reduce__(self) -> tuple[type[SchemaError], tuple[str, dict[str, object]]]:
        return type(self), (str(self), self.report)


class AssetCheckFailedError(MlorchError):
    """A blocking check failed with ERROR: what is below its asset is not made."""

    exit_code = 1


class Failure(MlorchError):
    """Raised by a step to fail with a description and metadata; `allow_retries=False` ends its attempts."""

    exit_code = 1

    def __init__(
        self,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        allow_retries: bool = True,
    ) -> None:
        super().__init__(description or "the step failed on purpose")
        self.description = description
        self.metadata = dict(metadata or {})
        self.allow_retries = allow_retries


class RetryRequested(MlorchError):
    """Raised by a step to be tried again, at most `max_retries` times, after `seconds_to_wait`."""

    exit_code = 1

    def __init__(self, max_retries: int = 1, seconds_to_wait: float | None = None) -> None:
        super().__init__("the step asked to be tried again")
        self.max_retries = max_retries
        self.seconds_to_wait = seconds_to_wait


class WorkerError(MlorchError):
    """What performed a step ended before it, or the step could not be sent there or back."""

    exit_code = 1


class StepTimeoutError(MlorchError):
    """A step took longer than its time limit."""

    exit_code = 1


class ResourceError(MlorchError):
    """A resource can't be set up; `__cause__` is what its own code raised."""

    exit_code = 1


class RunCanceledError(MlorchError):
    """A run was asked to end before it began; the message says by whom."""

    exit_code = 1


class RunFailedError(MlorchError):
    """A run failed; the message names the steps that did, the log holds the rest."""

    exit_code = 1


# The names that people know, for their `except` clauses.
DagsterError = MlorchError
DagsterInvalidConfigError = InvalidConfigError
DagsterInvalidDefinitionError = InvalidDefinitionError
DagsterInvalidInvocationError = UserError
DagsterInvalidSubsetError = InvalidSelectionError
DagsterInvariantViolationError = UserError
DagsterTypeCheckDidNotPass = TypeCheckError
DagsterUnknownPartitionError = UnknownPartitionError


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the known name nearest to `name`, or ""."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""
