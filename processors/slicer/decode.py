"""Untrusted bytes to samples, as a stream: s16 mono 16 kHz, in memory that does not grow with the file.

Fed by the object store's readers; feeds `slicing`. A file without a single sample raises `Invalid`, with one of these reasons:

    empty          the file has no bytes
    unsupported    not a supported container or codec: text, playlists, images, archives
    no_audio       a container without audio: no audio stream, or one without a single sample
    unknown_track  the requested audio track does not exist
    corrupt        a known container, damaged: its header is truncated or out of range, or nothing in it can be decoded
    too_long       more samples than allowed, counted while decoding, or declared by a reliable header

The parts: `reader` (bytes), `containers` (what is opened), `choice` (of a track), `track` (one stream of it), `clock` (its
times), `faults` (what is wrong with it), `resample` and `downmix` (to 16 kHz mono), `preparation` (filters), `declared` (its
declared length).
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from processors.slicer.audio import Check, DecodeOptions, OpenAudio, Seekable, no_check
from processors.slicer.choice import first_with_sound
from processors.slicer.containers import open_container, track_order
from processors.slicer.media_info import MediaInfo
from processors.slicer.preparation import Preparation
from processors.slicer.reader import Reader
from processors.slicer.track import Track
from runtime.errors import Invalid


@contextmanager
def open_audio(file: Seekable, options: DecodeOptions, check: Check = no_check) -> Iterator[OpenAudio]:
    """Decodes in this process. The contract is `audio.Decoder`'s; `check` is called with every read."""
    _check_content(file)
    with ExitStack() as opened:
        reader = Reader(file, check)
        container = opened.enter_context(open_container(reader, options.raw_format))
        order = track_order(container, options.track)
        track = order[0]
        if len(order) > 1:  # choosing among several consumes the packets of a container
            track = first_with_sound(container, order, reader)
            opened.close()
            reader = Reader(file, check)
            container = opened.enter_context(open_container(reader, options.raw_format))
        audio = Track(container, track, reader, options.max_audio_s, Preparation(options.loudness, options.highpass))
        if not audio.begin():
            raise audio.problem or Invalid("no_audio", "the file can be read, but contains no audio")
        yield audio


def probe(file: Seekable, options: DecodeOptions, check: Check = no_check) -> MediaInfo:
    """What the header states; decodes nothing. Raises Invalid if `open_audio` would certainly raise it, for whatever track."""
    _check_content(file)
    reader = Reader(file, check)
    with open_container(reader, options.raw_format) as container:
        problem: Invalid | None = None
        for track in track_order(container, options.track):
            try:
                return Track(container, track, reader, options.max_audio_s, Preparation()).info
            except Invalid as error:
                problem = problem or error
    assert problem is not None
    raise problem


def _check_content(file: Seekable) -> None:
    file.seek(0)
    if not file.read(1):
        raise Invalid("empty", "the file is empty")


if TYPE_CHECKING:
    from processors.slicer.audio import Decoder

    _: Decoder = open_audio
