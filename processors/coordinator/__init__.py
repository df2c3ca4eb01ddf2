"""The only stage that makes decisions and the only one with keyed state: requests, results, cancellations in; jobs, work out."""

from processors.coordinator.stage import build

__all__ = ["build"]
