"""Subtitles of a transcript: cues of a few short lines, each as long on the screen as its text needs. Pure.

`rules.py` has the limits, `units.py` what a line can be made of, `breaking.py` the same for text without blanks, `lines.py` the
lines of a cue, `splitting.py` the cues of a segment, `cues.py` their times, `direction.py` the marks of text that is written from
right to left.
"""

from runtime.subtitles.cues import Cue, cues
from runtime.subtitles.direction import embedded, marked
from runtime.subtitles.rules import SubtitleRules

__all__ = ["Cue", "SubtitleRules", "cues", "embedded", "marked"]
