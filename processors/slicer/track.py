"""One audio track of an open container, from its first sample to its last, on the player's clock.

Fed by `decode`; feeds `slicing`. After the first good sample, damage causes a warning, and what was decoded is kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from processors.slicer.audio import BLOCK_SAMPLES, Samples, too_long
from processors.slicer.clock import Clock, origin_of
from processors.slicer.containers import BAD_INPUT, decoder_of, tracks_of
from processors.slicer.declared import declared_if_short, expected_end_s, is_too_long
from processors.slicer.faults import BadPackets, warning
from processors.slicer.media_info import MediaInfo, MediaWarning
from processors.slicer.preparation import Preparation
from processors.slicer.reader import Reader
from processors.slicer.resample import Resampler
from runtime.errors import Invalid
from schemas.sound import SAMPLE_RATE_HZ

_SILENCE: Samples = np.zeros(BLOCK_SAMPLES, np.int16)
_SILENCE.setflags(write=False)


class Track:
    """Implements `audio.OpenAudio`. Raises Invalid when there is no decoder for it."""

    usage = None  # not measured

    def __init__(
        self, container: InputContainer, index: int, reader: Reader, max_audio_s: float, preparation: Preparation
    ) -> None:
        self._container, self._stream, self._reader = container, container.streams.audio[index], reader
        self._decoder = decoder_of(self._stream)
        origin = origin_of(container)
        self._clock = Clock(origin)
        if is_too_long(container, self._stream, reader, max_audio_s):
            raise too_long(max_audio_s)
        self._max_samples = int(max_audio_s * SAMPLE_RATE_HZ)
        self._resampler = Resampler()
        self._preparation = preparation
        self._pieces = self._converted()
        self._first: Samples | None = None
        self._declared_s: float | None = None  # if the audio is much shorter
        self._has_sound = False
        self._silent_until = 0  # silence up to this sample is inserted before more audio
        self._given = 0  # samples yielded by `_converted`
        self._decoded = 0  # samples yielded by `blocks`
        self._ended = False
        self._bad_packets = BadPackets()
        self._bad_until_s: float | None = None
        self._cut_short = False
        self._opened = MediaInfo(
            container=container.format.name,
            codec=self._decoder.name,
            sample_rate_hz=self._decoder.sample_rate,
            channels=self._decoder.channels,
            declared_duration_s=expected_end_s(container, self._stream, origin.zero_s),
            track=index,
            tracks=tracks_of(container),
        )

    def begin(self) -> bool:
        """Decodes up to the first sample; False when there is none."""
        self._first = next(self._pieces, None)
        decoder = self._decoder  # with some containers its numbers are known only after the first frame
        self._opened = replace(self._opened, sample_rate_hz=decoder.sample_rate, channels=decoder.channels)
        return self._first is not None

    @property
    def problem(self) -> Invalid | None:
        """Why there is no sample, if the reason is damage."""
        damaged = self._bad_packets.count or self._cut_short
        return Invalid("corrupt", "the audio is damaged: nothing can be decoded") if damaged else None

    @property
    def info(self) -> MediaInfo:
        warnings = tuple(self._warnings()) if self._ended else ()
        start_s = self._clock.start_s or 0.0
        return replace(self._opened, duration_s=self._decoded / SAMPLE_RATE_HZ, start_s=start_s, warnings=warnings)

    def blocks(self) -> Iterator[Samples]:
        held: list[Samples] = []
        count = 0
        for samples in self._preparation.apply(self._all_pieces()):
            held.append(samples)
            count += len(samples)
            while count >= BLOCK_SAMPLES:
                joined = np.concatenate(held)
                yield self._counted(joined[:BLOCK_SAMPLES])
                held, count = [joined[BLOCK_SAMPLES:]], count - BLOCK_SAMPLES
        for start in range(0, count, BLOCK_SAMPLES):
            yield self._counted(np.concatenate(held)[start : start + BLOCK_SAMPLES])
        self._declared_s = declared_if_short(self._container, self._stream, self._reader, self._sound_s)
        self._ended = True

    def _all_pieces(self) -> Iterator[Samples]:
        first, self._first = self._first, None
        if first is not None:
            yield first
        yield from self._pieces

    @property
    def _sound_s(self) -> float:
        """From the first audio to the end, including jumps of the clock that were ignored."""
        return self._decoded / SAMPLE_RATE_HZ - (self._clock.start_s or 0.0) + self._clock.ignored_s

    def _counted(self, block: Samples) -> Samples:
        self._decoded += len(block)
        if self._decoded > self._max_samples:
            raise too_long(self._max_samples / SAMPLE_RATE_HZ)
        return block

    def _converted(self) -> Iterator[Samples]:
        """Audio, with the silence that the clock inserts before it."""
        for frame in self._decode():
            try:
                yield from self._placed(frame)
            except BAD_INPUT:
                self._bad_packets.add(self._clock.position_s, frame.samples / frame.sample_rate)
        try:
            yield from self._sound(self._resampler.flush())
        except BAD_INPUT:
            self._cut_short = True
        if self._has_sound and self._bad_until_s is not None:
            self._silent_until = _sample(self._clock.finish(self._bad_until_s))
            yield from self._silence()

    def _placed(self, frame: AudioFrame) -> Iterator[Samples]:
        length_s = frame.samples / frame.sample_rate
        position_s = self._clock.arrive(frame.time)
        if position_s is not None:
            yield from self._sound(self._resampler.flush())
            self._silent_until = _sample(position_s)
        pieces = list(self._resampler.convert(frame))
        self._clock.advance(length_s)
        yield from self._sound(pieces)

    def _sound(self, pieces: Iterable[Samples]) -> Iterator[Samples]:
        for piece in pieces:
            if len(piece):
                if self._given < self._silent_until:
                    yield from self._silence()
                self._has_sound = True
                self._given += len(piece)
                yield piece

    def _silence(self) -> Iterator[Samples]:
        """In pieces: an hour of silence is never one array."""
        while self._given < self._silent_until:
            piece = _SILENCE[: self._silent_until - self._given]
            self._given += len(piece)
            yield piece

    def _decode(self) -> Iterator[AudioFrame]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except BAD_INPUT:
                packet, self._cut_short = None, True
            self._reader.raise_error()
            if packet is None:
                return
            try:
                yield from self._decoder.decode(packet)
            except av.error.EOFError:
                return
            except BAD_INPUT:
                start_s = _start_s(packet)
                self._bad_packets.add(self._clock.position_of(start_s), _length_s(packet))
                self._bad_until_s = start_s  # not to its end: the last one of a cut file is cut, too

    def _warnings(self) -> Iterator[MediaWarning]:
        duration_s = self._decoded / SAMPLE_RATE_HZ
        if self._declared_s is not None:
            message = f"{self._sound_s:.1f} s of {self._declared_s:.1f} s declared could be decoded"
            yield warning("truncated", message, duration_s)
        elif self._cut_short:
            yield warning("damaged", "the rest of the file could not be read", duration_s)
        yield from self._bad_packets.warnings(duration_s)
        yield from self._clock.warnings()


def _sample(time_s: float | None) -> int:
    return 0 if time_s is None else round(time_s * SAMPLE_RATE_HZ)


def _start_s(packet: "av.Packet[AudioStream]") -> float | None:
    return None if packet.pts is None or packet.time_base is None else float(packet.pts * packet.time_base)


def _length_s(packet: "av.Packet[AudioStream]") -> float:
    return 0.0 if packet.duration is None or packet.time_base is None else float(packet.duration * packet.time_base)
