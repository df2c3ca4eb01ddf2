"""Audio of the slicer's tests, decoded: the bundled clips, and natural speech."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from processors.slicer.audio import DecodeOptions, Samples
from processors.slicer.decode import open_audio

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "audio"
SPEECH = ROOT / "tests" / "data" / "speech"


def _files(folder: Path) -> list[str]:
    return [clip["file"] for clip in json.loads((folder / "manifest.json").read_text())]


BUNDLED = _files(EXAMPLES)
NATURAL = _files(SPEECH)


@cache
def samples_of(name: str) -> Samples:
    path = SPEECH / name if name in NATURAL else EXAMPLES / name
    with path.open("rb") as file, open_audio(file, DecodeOptions(600)) as audio:
        return np.concatenate(list(audio.blocks()))
