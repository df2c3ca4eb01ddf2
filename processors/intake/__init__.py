"""Store events to job requests. `events.py` parses the stores' events; `stage.py` looks up the objects."""

from processors.intake.stage import build

__all__ = ["build"]
