"""Untrusted bytes to samples, as a stream: s16 mono 16 kHz, in memory that does not grow with the file.

Fed by the object store's readers; feeds `slicing`. Not one sample from a file means `Invalid`, with one of these reasons:

    empty        the file has no bytes
    unsupported  not a container or codec that is read here: text, playlists, images, archives
    no_audio     a container without sound: no audio stream, or one without a single sample
    corrupt      a known container, damaged: its header is cut off or absurd, or nothing in it can be decoded
    too_long     more samples than allowed, counted while decoding; what the header declares is not trusted

After the first good sample damage is a warning (`AudioInfo.warnings`), and what was decoded is kept.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from murmur.errors import Invalid
from processors.slicer.audio import BLOCK_SAMPLES, OpenAudio, Samples, Seekable
from schemas.work import SAMPLE_RATE_HZ, AudioInfo

# Demuxers that read one file and nothing else. Not here: whatever opens other files or sockets (concat, hls, dash, sdp, …).
FORMATS = (
    "wav,w64,aiff,caf,au,voc,mp3,flac,ogg,mov,mp4,m4a,matroska,webm,aac,loas,amr,amrnb,amrwb,"
    "asf,mpegts,mpeg,flv,avi,ac3,eac3,dts,ape,wv,tta,mpc,mpc8"
)
CONTAINER_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "none"}  # "none" names no protocol
MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 768_000
MAX_CHANNELS = 32
MAX_FRAME_SAMPLES = 1 << 20  # one frame is held whole; a second at the highest rate fits
TRUNCATED_BELOW = 0.9  # of the declared duration
_MAGIC = ((0, b"RIFF"), (0, b"OggS"), (0, b"fLaC"), (0, b"ID3"), (0, b"\x1aE\xdf\xa3"), (4, b"ftyp"), (0, b"FORM"))
_UNKNOWN_LENGTH = 0x7FFFF000  # programs that write WAV to a pipe declare this much or more
# What bad input raises: FFmpeg's errors, Python's own where the header's numbers make no sense, and ours.
BAD_INPUT = (av.FFmpegError, ValueError, OverflowError, ZeroDivisionError, LookupError, NotImplementedError, Invalid)


class _Reader:
    """Hands the file to FFmpeg. An error of the file ends the stream there and is kept, for FFmpeg would lose it."""

    def __init__(self, file: Seekable) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        file.seek(0)
        self._head = file.read(16)
        self._at = file.seek(0)
        self._error: Exception | None = None

    @property
    def is_known(self) -> bool:
        """It begins like a file that is read here."""
        return any(self._head[at : at + len(magic)] == magic for at, magic in _MAGIC)

    @property
    def is_part(self) -> bool:
        """A WAV file shorter than it says; FFmpeg takes its real length for the declared one."""
        says = int.from_bytes(self._head[4:8], "little") if self._head[:4] == b"RIFF" else 0
        return self._size < says + 8 < _UNKNOWN_LENGTH

    def read(self, size: int) -> bytes:
        if self._at >= self._size or self._error is not None:
            return b""
        try:
            data = self._file.read(size)
        except Exception as error:  # raised again by `raise_error`
            self._error = error
            return b""
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """A header may point anywhere; the file is only sent to places that it has."""
        target = offset + (0, self._at, self._size)[whence]
        if target < 0:
            return -1
        try:
            self._file.seek(min(target, self._size))
        except Exception as error:  # raised again by `raise_error`
            self._error = error
        self._at = target
        return target

    def tell(self) -> int:
        return self._at

    def raise_error(self) -> None:
        """The file's own error says more than what FFmpeg made of it."""
        if self._error is not None:
            raise self._error


class _Mono:
    """Frames of any kind to s16 mono 16 kHz; a stream may change its kind on the way."""

    def __init__(self) -> None:
        self._kind: tuple[str, str, int] | None = None
        self._mixes = True
        self._resampler = AudioResampler()

    def convert(self, frame: AudioFrame | None) -> Iterator[Samples]:
        """None: what is left in the filters."""
        if frame is not None:
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if kind != self._kind:
                yield from self._flush()
                self._kind = None
                _check(frame.sample_rate, frame.layout.nb_channels)
                self._kind = kind
                # Channels without known places ("5 channels") have no mixing rule; they are averaged here.
                self._mixes = not frame.layout.name.endswith(" channels")
                self._resampler = AudioResampler("s16", "mono" if self._mixes else None, SAMPLE_RATE_HZ)
            frame.pts = None  # gaps and jumps in the clock are not filled: the samples count
            yield from self._samples(frame)
        else:
            yield from self._flush()

    def _flush(self) -> Iterator[Samples]:
        if self._kind is not None:
            yield from self._samples(None)

    def _samples(self, frame: AudioFrame | None) -> Iterator[Samples]:
        for converted in self._resampler.resample(frame):
            if converted is None:  # a flushed filter that passes frames through
                continue
            samples = converted.to_ndarray().reshape(-1)
            if not self._mixes:
                samples = samples.reshape(-1, converted.layout.nb_channels).mean(axis=1)
            yield samples.astype(np.int16, copy=False)


class _Track:
    """One audio stream of an open container, from its first sample to its last."""

    def __init__(self, container: InputContainer, stream: AudioStream, reader: _Reader, max_audio_s: float) -> None:
        self._container, self._stream, self._reader = container, stream, reader
        self._part = reader.is_part
        self._max_samples = int(max_audio_s * SAMPLE_RATE_HZ)
        self._frames = self._converted()
        self._first: Samples | None = None
        self._decoded = 0
        self._ended = False
        self._bad_packets = 0
        self._cut_short = False
        codec = stream.codec_context
        self._declared = AudioInfo(
            container=container.format.name,
            codec=codec.name,
            sample_rate_hz=codec.sample_rate,
            channels=codec.channels,
            declared_duration_s=_declared_s(container, stream),
        )

    def begin(self) -> bool:
        """Decodes up to the first sample; False when there is none."""
        self._first = next((samples for samples in self._frames if len(samples)), None)
        return self._first is not None

    @property
    def problem(self) -> Invalid | None:
        """Why there is no sample, when damage is why."""
        damaged = self._bad_packets or self._cut_short
        return Invalid("corrupt", "the sound is damaged: nothing of it can be decoded") if damaged else None

    @property
    def info(self) -> AudioInfo:
        duration_s = self._decoded / SAMPLE_RATE_HZ
        warnings = tuple(self._warnings(duration_s)) if self._ended else ()
        return self._declared.model_copy(update={"duration_s": duration_s, "warnings": warnings})

    def blocks(self) -> Iterator[Samples]:
        held: list[Samples] = [] if self._first is None else [self._first]
        self._first = None
        count = sum(map(len, held))
        for samples in self._frames:
            held.append(samples)
            count += len(samples)
            while count >= BLOCK_SAMPLES:
                joined = np.concatenate(held)
                yield self._counted(joined[:BLOCK_SAMPLES])
                held, count = [joined[BLOCK_SAMPLES:]], count - BLOCK_SAMPLES
        for start in range(0, count, BLOCK_SAMPLES):
            yield self._counted(np.concatenate(held)[start : start + BLOCK_SAMPLES])
        self._ended = True

    def _counted(self, block: Samples) -> Samples:
        self._decoded += len(block)
        if self._decoded > self._max_samples:
            raise Invalid("too_long", f"the audio is longer than {self._max_samples / SAMPLE_RATE_HZ:.0f} s")
        return block

    def _converted(self) -> Iterator[Samples]:
        mono = _Mono()
        for frame in self._decode():
            try:
                yield from mono.convert(frame)
            except BAD_INPUT:
                self._bad_packets += 1
        try:
            yield from mono.convert(None)
        except BAD_INPUT:
            self._cut_short = True

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
                yield from packet.decode()
            except av.error.EOFError:
                return
            except BAD_INPUT:
                self._bad_packets += 1

    def _warnings(self, duration_s: float) -> Iterator[str]:
        declared_s = self._declared.declared_duration_s
        if declared_s and duration_s < TRUNCATED_BELOW * declared_s:
            yield f"truncated: {duration_s:.1f} s of {declared_s:.1f} s declared could be decoded"
        elif self._part or self._cut_short:
            yield f"truncated: the file ends early, after {duration_s:.1f} s"
        if self._bad_packets:
            yield f"damaged: {self._bad_packets} packets could not be decoded"


@contextmanager
def open_audio(file: Seekable, max_audio_s: float) -> Iterator[OpenAudio]:
    """The first audio stream that gives a sample. The contract is `audio.Decoder`'s."""
    file.seek(0)
    if not file.read(1):
        raise Invalid("empty", "the file is empty")
    problem: Invalid | None = None
    index = 0
    while True:  # a stream that was tried has eaten the packets of the others: each try opens anew
        reader = _Reader(file)
        with _opened(reader) as container:
            streams = container.streams.audio
            if index >= len(streams):
                raise problem or Invalid("no_audio", "the file can be read, but there is no sound in it")
            try:
                track = _track(container, streams[index], reader, max_audio_s)
            except Invalid as error:
                problem = problem or error
            else:
                if track.begin():
                    yield track
                    return
                problem = problem or track.problem
        index += 1


@contextmanager
def _opened(reader: _Reader) -> Iterator[InputContainer]:
    try:
        container = av.open(reader, mode="r", container_options=CONTAINER_OPTIONS, metadata_errors="ignore")
    except BAD_INPUT as error:
        reader.raise_error()
        if reader.is_known:
            raise Invalid("corrupt", "the file's header is damaged or cut off") from error
        raise Invalid("unsupported", "this is not an audio or video file of a kind that can be read") from error
    with container:
        yield container


def _track(container: InputContainer, stream: AudioStream, reader: _Reader, max_audio_s: float) -> _Track:
    codec = stream.codec_context
    if codec is None:
        raise Invalid("unsupported", "the sound is in a codec that cannot be read")
    _check(codec.sample_rate, codec.channels)
    codec.options = {"max_samples": str(MAX_FRAME_SAMPLES)}
    return _Track(container, stream, reader, max_audio_s)


def _check(rate_hz: int, channels: int) -> None:
    """A sample rate of 1 Hz makes hours out of kilobytes."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise Invalid("corrupt", f"a sample rate of {rate_hz} Hz is out of range")
    if not 1 <= channels <= MAX_CHANNELS:
        raise Invalid("corrupt", f"{channels} audio channels are out of range")


def _declared_s(container: InputContainer, stream: AudioStream) -> float | None:
    """The stream's own word before the container's; nonsense is no word."""
    if stream.duration is not None and stream.time_base is not None:
        declared_s = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        declared_s = container.duration / 1_000_000
    else:
        return None
    return declared_s if 0 < declared_s < 1e9 else None


if TYPE_CHECKING:
    from processors.slicer.audio import Decoder

    _: Decoder = open_audio
