"""Subtitles as a text that grows: what is returned first stays as it is, whatever follows. Of SubRip and WebVTT."""

import re
from collections.abc import Iterable
from typing import Literal

from runtime.subtitles.cues import Cue, Cues
from runtime.subtitles.direction import embedded, marked
from runtime.subtitles.rules import SubtitleRules
from schemas.segment import Segment

SubtitleFormat = Literal["srt", "vtt"]
ARROW = re.compile(r"-{2,}>")  # between the times of a cue; a parser may take one inside the text for another cue
HEADERS: dict[SubtitleFormat, str] = {"srt": "", "vtt": "WEBVTT\n"}


class SubtitleText:
    """What `add()` and `end()` return is together the file."""

    def __init__(self, form: SubtitleFormat, rules: SubtitleRules) -> None:
        self._form = form
        self._cues = Cues(rules)
        self._count = 0
        self._header = HEADERS[form]

    def add(self, segments: Iterable[Segment]) -> str:
        """The cues that are complete with these segments, which follow all before."""
        text = "".join(self._block(cue) for segment in segments for cue in self._cues.add(segment))
        return self._begun(text) if text else ""

    def end(self, duration_s: float) -> str:
        """The rest, of a file with sound of this length."""
        return self._begun("".join(map(self._block, self._cues.end(duration_s))))

    def _begun(self, text: str) -> str:
        header, self._header = self._header, ""
        return header + text

    def _block(self, cue: Cue) -> str:
        self._count += 1
        if self._form == "vtt":
            return f"\n{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{_vtt_text(cue.lines)}\n"
        blank = "\n" if self._count > 1 else ""
        return f"{blank}{self._count}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n{_srt_text(cue.lines)}\n"


def _srt_text(lines: tuple[str, ...]) -> str:
    return "\n".join(embedded(tuple(ARROW.sub("->", line) for line in lines)))


def _vtt_text(lines: tuple[str, ...]) -> str:
    return "\n".join(map(_escaped, marked(lines)))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(milliseconds: int, point: str) -> str:
    """Hours take as many digits as they need, two at least."""
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{milliseconds:03}"
