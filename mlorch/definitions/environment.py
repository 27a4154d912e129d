"""Values that are known only when a run starts: those of environment variables."""

from __future__ import annotations

import os
from typing import Any

from mlorch.errors import InvalidConfigError


class Late:
    """Stands for a value until a run starts; fields are validated around it."""

    __slots__ = ()

    def resolve(self) -> Any:
        """Return the value. Raises InvalidConfigError where there is none."""
        raise NotImplementedError


class EnvVar(Late, str):
    """The value of an environment variable, read when a run starts and never recorded.

    As text it is the variable's name, so that it can't leak the value.
    """

    __slots__ = ()

    def get_value(self, default: Any = None) -> Any:
        """Return the value as it is now, or `default` where the variable is not set."""
        return self.resolve() if str.__str__(self) in os.environ else default

    def resolve(self) -> Any:
        """Return the value as its kind of variable has it. Raises InvalidConfigError where it is not set."""
        return self.text()

    def text(self) -> str:
        """Return the value as it stands in the environment. Raises InvalidConfigError where it is not set."""
        name = str.__str__(self)
        try:
            return os.environ[name]
        except KeyError:
            raise InvalidConfigError(
                f"the environment variable {name} is not set; set it before the run, e.g. export {name}=…"
            ) from None

    @staticmethod
    def int(name: str) -> Any:
        """Return a variable whose value is a whole number; Any, as it stands where an int belongs."""
        return IntEnvVar(name)

    def __repr__(self) -> str:
        return f"EnvVar({str.__str__(self)!r})"


class IntEnvVar(EnvVar):
    """The whole-number value of an environment variable."""

    __slots__ = ()

    def resolve(self) -> Any:
        try:
            return int(self.text())
        except ValueError:
            name = str.__str__(self)
            raise InvalidConfigError(f"the environment variable {name} must hold a whole number") from None
