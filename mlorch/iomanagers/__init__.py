"""Keeping values: one module for each kind of value."""
