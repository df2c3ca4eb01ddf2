"""Which of several audio tracks is decoded: the first in the order of preference that has a sample. One pass over the file.

Fed by `decode` with a container opened for this only: its packets are consumed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import av
from av.audio.codeccontext import AudioCodecContext
from av.container import InputContainer

from processors.slicer.containers import BAD_INPUT, decoder_of
from processors.slicer.reader import Reader
from runtime.errors import Invalid


def first_with_sound(container: InputContainer, order: Sequence[int], reader: Reader) -> int:
    """`order`: audio tracks, the preferred one first: once that one has a sample, nothing more is read. Raises Invalid when no
    track has one, and the errors of reading the file."""
    decoders, problem = _decoders(container, order)
    sounding: set[int] = set()
    for packet in _packets(container, decoders, reader):
        index = packet.stream.index
        if index not in sounding:
            try:
                if any(frame.samples for frame in decoders[index].decode(packet)):
                    sounding.add(index)
            except BAD_INPUT:
                problem = problem or Invalid("corrupt", "the audio is damaged: nothing can be decoded")
        if next(iter(decoders)) in sounding:
            break
    for track in order:
        if container.streams.audio[track].index in sounding:
            return track
    raise problem or Invalid("no_audio", "the file can be read, but contains no audio")


def _decoders(container: InputContainer, order: Sequence[int]) -> tuple[dict[int, AudioCodecContext], Invalid | None]:
    """By stream, in the order of preference; and why the first stream without a decoder has none. Raises Invalid when there is
    no decoder at all."""
    decoders: dict[int, AudioCodecContext] = {}
    problem: Invalid | None = None
    for track in order:
        stream = container.streams.audio[track]
        try:
            decoders[stream.index] = decoder_of(stream)
        except Invalid as error:
            problem = problem or error
    if not decoders and problem is not None:
        raise problem
    return decoders, problem


def _packets(container: InputContainer, decoders: Mapping[int, AudioCodecContext], reader: Reader) -> Iterator["av.Packet[Any]"]:
    """The packets of these streams, up to where the file can no longer be read."""
    packets = container.demux([stream for stream in container.streams.audio if stream.index in decoders])
    while True:
        try:
            packet = next(packets, None)
        except BAD_INPUT:
            packet = None
        reader.raise_error()
        if packet is None:
            return
        yield packet
