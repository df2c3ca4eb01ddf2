"""Many small files that are each their own work, and their text: a bundled clip with silence after it.

`command-en+17`: the English clip and 17 steps of silence. The number makes the content, the clip makes the text.
"""

import io
import wave
from functools import cache

from tests.clips import BY_NAME, words

CLIPS = {"command-en": "en-command.wav", "command-pt": "pt-command.wav"}
STEP_SAMPLES = 16


@cache
def _frames(clip: str) -> tuple[wave._wave_params, bytes]:
    with wave.open(str(BY_NAME[CLIPS[clip]].path)) as file:
        return file.getparams(), file.readframes(file.getnframes())


def audio(content: str) -> bytes:
    """The WAV file of that name."""
    clip, _, steps = content.partition("+")
    parameters, frames = _frames(clip)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams(parameters)
        file.writeframes(frames + bytes(int(steps) * STEP_SAMPLES * parameters.sampwidth * parameters.nchannels))
    return out.getvalue()


def name(number: int) -> str:
    return f"{list(CLIPS)[number % len(CLIPS)]}+{number}"


def expected(content: str) -> str:
    """The oracle: the words that the clip's text has."""
    return normalised(BY_NAME[CLIPS[content.partition("+")[0]]].text)


def normalised(text: str) -> str:
    """A transcript as the oracle writes it: its words."""
    return " ".join(words(text))
