"""What is wrong with a track and where, as warnings of the transcript. Times are on the player's clock.

Fed by `clock` (missing audio, broken times) and `track` (packets); read when the track has ended. Their number is bounded.
"""

from processors.slicer.media_info import MediaWarning

NAMED_MAX = 20  # a bad recording has thousands


def warning(code: str, message: str, start_s: float, end_s: float | None = None) -> MediaWarning:
    """Without `end_s`: from there to the end of the file."""
    end = None if end_s is None else round(end_s, 3)
    return MediaWarning(code=code, message=message, start=round(start_s, 3), end=end)


class Faults:
    """Faults of one kind, in the order of the file: a warning for each of the first NAMED_MAX, then one for all others.

    `others` is the message of the last one: {0} is their number, {1} their total length in seconds.
    """

    def __init__(self, code: str, others: str) -> None:
        self._code, self._others = code, others
        self._named: list[MediaWarning] = []
        self._count, self._total_s = 0, 0.0  # of the others
        self._first_s, self._last_s = 0.0, 0.0

    def add(self, message: str, start_s: float, end_s: float | None = None) -> None:
        if len(self._named) < NAMED_MAX:
            self._named.append(warning(self._code, message, start_s, end_s))
            return
        self._first_s = self._first_s if self._count else start_s
        self._last_s = start_s if end_s is None else end_s
        self._count += 1
        self._total_s += self._last_s - start_s

    def warnings(self) -> list[MediaWarning]:
        if not self._count:
            return self._named
        message = self._others.format(self._count, tenths(self._total_s))
        return [*self._named, warning(self._code, message, self._first_s, self._last_s)]


class BadPackets:
    """How many packets could not be decoded, and the range of time they are in."""

    def __init__(self) -> None:
        self.count = 0
        self._start_s, self._end_s = float("inf"), 0.0

    def add(self, start_s: float, length_s: float) -> None:
        self.count += 1
        self._start_s = min(self._start_s, start_s)
        self._end_s = max(self._end_s, start_s + length_s)

    def warnings(self, duration_s: float) -> list[MediaWarning]:
        """With times within the track: it may end before its last packet would have."""
        if not self.count:
            return []
        message = f"packets that could not be decoded: {self.count}"
        return [warning("damaged", message, min(self._start_s, duration_s), min(self._end_s, duration_s))]


def tenths(length_s: float) -> str:
    """With two decimals if one would show 0.0."""
    return f"{length_s:.2f}" if 0 < length_s < 0.1 else f"{length_s:.1f}"
