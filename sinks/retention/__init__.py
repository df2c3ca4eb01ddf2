"""Removes from the object store what is kept no longer: the policy of `runtime/retention.py`, applied in rounds."""

from sinks.retention.stage import build

__all__ = ["build"]
