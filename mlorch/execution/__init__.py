"""Doing it: the runner alone writes to the log; a step never does."""
