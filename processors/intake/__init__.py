"""Store events to job requests. `events.py` understands what the stores say; `stage.py` looks at the objects themselves."""

from processors.intake.stage import build

__all__ = ["build"]
