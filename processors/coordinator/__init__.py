"""The only stage that decides and the only one with keyed state: requests, results and cancellations in; jobs and work out."""

from processors.coordinator.stage import build

__all__ = ["build"]
