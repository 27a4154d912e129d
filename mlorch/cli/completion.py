"""What the shell completes: names from the log, as importing the user's code would take too long."""

from __future__ import annotations


def asset_names(incomplete: str) -> list[str]:
    """Return the assets that were ever made and whose names begin so."""
    from mlorch.app.opening import open_app
    from mlorch.errors import MlorchError
    from mlorch.events import AssetMaterialized

    try:
        slots = open_app().record.log.latest(AssetMaterialized.kind)
    except MlorchError:
        return []
    return sorted({key for key, _ in slots if key.startswith(incomplete)})


def job_names(incomplete: str) -> list[str]:
    """Return the declared jobs whose names begin so."""
    return _declared("jobs", incomplete)


def schedule_names(incomplete: str) -> list[str]:
    """Return the declared schedules whose names begin so."""
    return _declared("schedules", incomplete)


def sensor_names(incomplete: str) -> list[str]:
    """Return the declared sensors whose names begin so."""
    return _declared("sensors", incomplete)


def _declared(what: str, incomplete: str) -> list[str]:
    from mlorch.app.opening import open_app
    from mlorch.errors import MlorchError

    try:
        found = getattr(open_app().definitions, what)
    except MlorchError:
        return []
    return sorted(name for name in found if name.startswith(incomplete))
