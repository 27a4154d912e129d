"""What is recorded of a step that failed."""

from __future__ import annotations

import errno
import inspect
from collections.abc import Callable
from typing import Any

from mlorch.errors import Failure, MlorchError, ResourceError, RetryRequested, StepTimeoutError
from mlorch.execution.call import Call
from mlorch.execution.capture import traceback_text
from mlorch.execution.metadata import plain, redact, redacted


def describe(error: BaseException, call: Call) -> dict[str, Any]:
    """Return the error for the log; of the user's own code the traceback starts at their function."""
    secrets = call.run.secrets
    if isinstance(error, RetryRequested) and error.__cause__ is not None:
        error = error.__cause__
    about = {"type": type(error).__name__, "message": str(error), "traceback": "", "exit_code": 1}
    if isinstance(error, Failure):
        about["metadata"] = redacted(plain(error.metadata), secrets)
    elif isinstance(error, MlorchError):
        about["exit_code"] = error.exit_code
        if isinstance(error, ResourceError) and error.__cause__ is not None:
            about["traceback"] = redact(_traceback(error.__cause__, call.node.op.function), secrets)
        elif isinstance(error, StepTimeoutError):
            about["traceback"] = redact(_traceback(error, call.node.op.function), secrets)
    elif isinstance(error, OSError) and error.errno in _NO_SPACE:
        about["message"] = f"{error}: no space is left to keep {call.step}; its version before is intact"
    else:
        about["traceback"] = redact(_traceback(error, call.node.op.function), secrets)
    return {**about, "message": redact(str(about["message"]), secrets)}


_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _traceback(error: BaseException, function: Callable[..., Any]) -> str:
    """Return the traceback from the user's function on, or from the first code that is not mlorch's."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    frames = []
    found = error.__traceback__
    while found is not None:
        frames.append(found)
        found = found.tb_next
    own = [one for one in frames if one.tb_frame.f_code is code]
    others = [one for one in frames if not one.tb_frame.f_globals.get("__name__", "").startswith("mlorch.")]
    return traceback_text(error, next(iter((*own, *others, *frames)), None))
