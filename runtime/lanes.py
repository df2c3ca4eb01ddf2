"""The lanes of chunks: which one a file takes unless its request names one, and what the slow one has of the transcribers."""

from schemas.record import Lane

BULK_SHARE = 0.05  # of the work, in seconds of audio, while interactive chunks wait


def lane_for(duration_s: float, interactive_max_s: float) -> Lane:
    return "interactive" if duration_s <= interactive_max_s else "bulk"
