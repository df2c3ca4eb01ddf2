"""Untrusted bytes to samples, as a stream: s16 mono 16 kHz, in memory that does not grow with the file.

Fed by the object store's readers; feeds `slicing`. Not one sample from a file means `Invalid`, with one of these reasons:

    empty          the file has no bytes
    unsupported    not a container or codec that is read here: text, playlists, images, archives
    no_audio       a container without sound: no audio stream, or one without a single sample
    unknown_track  an audio track was asked for that is not there
    corrupt        a known container, damaged: its header is cut off or absurd, or nothing in it can be decoded
    too_long       more samples than allowed, counted while decoding; what the header declares is not trusted

The parts: `reader` (bytes), `containers` (what is opened), `track` (one stream of it), `clock` (when its sound is shown),
`faults` (what is wrong with it), `resample` and `downmix` (what becomes of it), `declared` (how long it should be).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from processors.slicer.audio import OpenAudio, Seekable
from processors.slicer.containers import open_container, track_order
from processors.slicer.reader import Reader
from processors.slicer.track import Track
from runtime.errors import Invalid
from schemas.options import RawFormat


@contextmanager
def open_audio(
    file: Seekable, max_audio_s: float, track: int | None = None, raw_format: RawFormat | None = None
) -> Iterator[OpenAudio]:
    """The best audio track that gives a sample. The contract is `audio.Decoder`'s."""
    file.seek(0)
    if not file.read(1):
        raise Invalid("empty", "the file is empty")
    problem: Invalid | None = None
    tried = 0
    while True:  # a stream that was tried has eaten the packets of the others: each try opens anew
        reader = Reader(file)
        with open_container(reader, raw_format) as container:
            order = track_order(container, track)
            if tried >= len(order):
                raise problem or Invalid("no_audio", "the file can be read, but there is no sound in it")
            try:
                audio = Track(container, order[tried], reader, max_audio_s)
            except Invalid as error:
                problem = problem or error
            else:
                if audio.begin():
                    yield audio
                    return
                problem = problem or audio.problem
        tried += 1


if TYPE_CHECKING:
    from processors.slicer.audio import Decoder

    _: Decoder = open_audio
