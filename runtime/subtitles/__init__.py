"""Subtitles of a transcript: cues of a few short lines, each as long on the screen as its text needs. Pure.

`rules.py` has the limits, `units.py` what a line can be made of, `breaking.py` the same for text without blanks, `lines.py` the
lines of a cue, `splitting.py` the cues of a segment, `cues.py` their times, `direction.py` the marks of text that is written from
right to left, `text.py` the text of the file.
"""

from runtime.subtitles.cues import Cue, Cues
from runtime.subtitles.rules import SubtitleRules
from runtime.subtitles.text import SubtitleFormat, SubtitleText

__all__ = ["Cue", "Cues", "SubtitleFormat", "SubtitleRules", "SubtitleText"]
