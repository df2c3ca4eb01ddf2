"""The decoder as the slicer uses it: in confined child processes, which all tests of a run share."""

import atexit
from contextlib import AbstractContextManager
from functools import cache

from processors.slicer.audio import Check, DecodeOptions, MediaFile, OpenAudio, no_check
from processors.slicer.sandbox.pool import Decoders
from processors.slicer.sandbox.process import Limits


@cache
def decoders() -> Decoders:
    made = Decoders(Limits())
    atexit.register(made.close)
    return made


def open_audio(file: MediaFile, options: DecodeOptions, check: Check = no_check) -> AbstractContextManager[OpenAudio]:
    return decoders()(file, options, check)
