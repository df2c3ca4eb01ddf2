"""The player's clock: the time at which a player plays each piece of audio. The only module with this rule.

*A time in a transcript is the time that a player shows.* So times are derived from the container's time stamps, not from the
number of samples:

- The clock begins where a player's does. MP4 and Matroska have a timeline of their own that begins at 0, and the container counts
  from there (edit lists included); elsewhere (MPEG-TS, FLV, Ogg, …) the first time stamp of the earliest stream is arbitrary, and
  a player subtracts it. The same applies to MP4 and Matroska where their start is not within the declared duration, as in a
  piece of a live stream. Audio before 0 is only an encoder's priming: it shifts nothing.
- Audio that begins late, a jump ahead, packets that are lost or cannot be decoded: replaced by silence of that length.
- A gap below MIN_GAP_S is ignored, as rounding. A drift that adds up to more is followed.
- No jump is longer than MAX_JUMP_S, and jumps lead beyond the declared end by at most MAX_UNDECLARED_S in total. What exceeds
  that counts as a broken clock: the audio continues without silence, with a warning.
- A clock that runs backwards (recordings joined end to end) removes no audio: the position continues from there.
"""

from dataclasses import dataclass

from av.container import InputContainer

from processors.slicer.faults import Faults, tenths
from processors.slicer.media_info import MediaWarning

MIN_GAP_S = 0.04
MAX_JUMP_S = 5_400.0  # a meeting's microphone may be off for an hour; a jump by a day is a broken clock
MAX_UNDECLARED_S = 60.0  # a header's duration is often a little short
PRIMING_S = 0.1  # audio this short before a gap is an encoder's priming, not the beginning
MIN_RESTART_S = 0.5  # the times of some containers jitter by 0.1 to 0.2 s
_END_TOLERANCE_S = 1.0
_UNTIMED = ("avi",)  # its packets have no times; what FFmpeg derives from their sizes has gaps
_FROM_ZERO = ("mov", "matroska")  # the first name of FFmpeg's demuxers


@dataclass(frozen=True, slots=True)
class Origin:
    """As stated by the container: where on its clock a player's 0 is, and the duration from there, if stated."""

    zero_s: float = 0.0
    length_s: float | None = None
    has_times: bool = True


def origin_of(container: InputContainer) -> Origin:
    start_s = (container.start_time or 0) / 1_000_000
    length_s = container.duration / 1_000_000 if container.duration and container.duration > 0 else None
    kind = container.format.name.split(",")[0]
    within = -MIN_RESTART_S < start_s < min(length_s or MAX_UNDECLARED_S, MAX_JUMP_S)
    return Origin(0.0 if kind in _FROM_ZERO and within else start_s, length_s, kind not in _UNTIMED)


class Clock:
    """Follows one stream. Call `arrive` with each frame's time, then `advance` with its length."""

    def __init__(self, origin: Origin) -> None:
        self._zero_s = origin.zero_s
        self._length_s = origin.length_s
        self._has_times = origin.has_times
        self._undeclared_s = MAX_JUMP_S if origin.length_s is None else MAX_UNDECLARED_S
        self._next_s: float | None = None  # the container's time after the last frame
        self._losses = Faults("lost", "further gaps in the audio: {0}, {1} s in total")
        self._breaks = Faults("clock", "further jumps of the file's timestamps: {0}")
        self.position_s = 0.0
        self.start_s: float | None = None  # of the first audio
        self._is_primed = False
        self.ignored_s = 0.0  # jumps that were not followed

    def arrive(self, time_s: float | None) -> float | None:
        """The position up to which silence is inserted before a frame of that time; None: no silence."""
        if time_s is None or not self._has_times:
            return None
        previous_s, self._next_s = self._next_s, time_s
        if previous_s is not None and time_s < previous_s - MIN_RESTART_S:
            self._break("runs back", previous_s - time_s)
            self._zero_s = time_s - self.position_s
            return None
        gap_s = time_s - self._zero_s - self.position_s
        if gap_s < MIN_GAP_S:
            return None
        if not self._is_plausible(gap_s):
            self._break("jumps", gap_s)
            self._zero_s += gap_s
            self.ignored_s += gap_s
            return None
        if not self._is_primed and self.start_s is not None and self.position_s - self.start_s < PRIMING_S:
            self.start_s, self._is_primed = None, True
        elif previous_s is not None and time_s - previous_s >= MIN_GAP_S:  # else it is drift
            self._losses.add(f"{tenths(gap_s)} s of audio are missing", self.position_s, self.position_s + gap_s)
        if not self._is_declared(gap_s):
            self._undeclared_s -= gap_s
        self.position_s += gap_s
        return self.position_s

    def advance(self, length_s: float) -> None:
        self.start_s = self.position_s if self.start_s is None else self.start_s
        self.position_s += length_s
        if self._next_s is not None:
            self._next_s += length_s

    def finish(self, time_s: float) -> float | None:
        """As `arrive`, for packets at the end that could not be decoded; `time_s` is their end."""
        return self.arrive(time_s) if self._next_s is None or time_s > self._next_s else None

    def position_of(self, time_s: float | None) -> float:
        """The position of audio with that time if it came now. If that is not known: where the audio before it ends."""
        if time_s is None or not self._has_times:
            return self.position_s
        gap_s = time_s - self._zero_s - self.position_s
        return self.position_s + gap_s if gap_s > 0 and self._is_plausible(gap_s) else self.position_s

    def warnings(self) -> list[MediaWarning]:
        return self._losses.warnings() + self._breaks.warnings()

    def _is_plausible(self, gap_s: float) -> bool:
        return gap_s <= MAX_JUMP_S and (self._is_declared(gap_s) or gap_s <= self._undeclared_s)

    def _is_declared(self, gap_s: float) -> bool:
        return self._length_s is not None and self.position_s + gap_s <= self._length_s + _END_TOLERANCE_S

    def _break(self, how: str, by_s: float) -> None:
        self._breaks.add(f"the file's clock {how} by {tenths(by_s)} s; the audio continues without a gap", self.position_s)
