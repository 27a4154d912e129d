"""joblib inside steps on Dask: several jobs spread over the cluster, one stays where it is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any


def jobs_on_dask() -> AbstractContextManager[Any]:
    """Let joblib in the block use the cluster of the Dask worker that it runs on, where it is asked to."""
    from joblib import parallel_config

    return parallel_config(backend=_backend()(), n_jobs=1)


@cache
def _backend() -> Any:
    from joblib import _dask
    from joblib.parallel import FallbackToBackend, SequentialBackend

    theirs: Any = _dask.DaskDistributedBackend

    class JobsOnDask(theirs):  # type: ignore[misc]
        """joblib's own takes the whole cluster whatever number of jobs it is asked for, even for one."""

        def effective_n_jobs(self, n_jobs: int | None) -> int:
            return 1 if n_jobs in (None, 1) else int(super().effective_n_jobs(n_jobs))

        def configure(self, n_jobs: int = 1, parallel: Any = None, **options: Any) -> int:
            if self.effective_n_jobs(n_jobs) == 1:
                raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
            return int(super().configure(n_jobs, parallel, **options))

        def get_nested_backend(self) -> tuple[Any, int]:
            return JobsOnDask(client=self.client), 1

        def __reduce__(self) -> tuple[Any, ...]:
            return _made, ()

    return JobsOnDask


def _made() -> Any:
    return _backend()()
