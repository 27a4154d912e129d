"""Telling others: functions of the log, idempotent and replayable."""
