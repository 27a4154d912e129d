"""When the model is trained again."""

from __future__ import annotations

from mlorch import ScheduleDefinition, define_asset_job

from .assets import ZONE

retrain = define_asset_job(name="retrain", selection="*")

# On the first of a month the last one is complete; its reports are in by the morning.
monthly = ScheduleDefinition(name="monthly", job=retrain, cron_schedule="0 6 1 * *", execution_timezone=ZONE)
