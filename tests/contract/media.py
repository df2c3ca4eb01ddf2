"""Small media files of every kind, made with the encoders that PyAV bundles; and where speech is in what was decoded."""

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream
from numpy.typing import NDArray

from processors.slicer.audio import DecodeOptions, Samples
from processors.slicer.media_info import MediaInfo
from schemas.options import RawFormat
from schemas.sound import SAMPLE_RATE_HZ
from tests.contract.sandboxed import open_audio

SPEECH = Path(__file__).parents[2] / "examples" / "audio" / "en-meeting-opus.ogg"
ENVELOPE_HZ = 100
When = Callable[[float], float | None]


def as_it_is(time_s: float) -> float | None:
    return time_s


@dataclass(frozen=True, slots=True)
class Sound:
    """`samples`: of any number of channels, 16 kHz. `when`: a packet's time to the one it is given; None: lost."""

    samples: NDArray[np.int16]
    codec: str = "aac"
    rate: int = SAMPLE_RATE_HZ
    when: When = as_it_is
    damaged: tuple[float, float] = (0, 0)
    options: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    default: bool | None = None


@cache
def speech(length_s: float = 16.0) -> Samples:
    with SPEECH.open("rb") as file, open_audio(file, DecodeOptions(600)) as audio:
        return np.concatenate(list(audio.blocks()))[: int(length_s * SAMPLE_RATE_HZ)]


def decoded(
    data: bytes, max_audio_s: float = 600, track: int | None = None, raw_format: RawFormat | None = None
) -> tuple[Samples, MediaInfo]:
    with open_audio(io.BytesIO(data), DecodeOptions(max_audio_s, track, raw_format)) as audio:
        return np.concatenate(list(audio.blocks())), audio.info


def media(kind: str, *sounds: Sound, picture_s: float = 0.0, options: Mapping[str, str] | None = None) -> bytes:
    """One file of the muxer `kind`; with a black picture from 0 to `picture_s`."""
    file = io.BytesIO()
    with av.open(file, "w", format=kind, options=dict(options or {})) as container:
        video = container.add_stream("flv" if kind == "flv" else "mpeg4", rate=5) if picture_s else None
        streams = [_stream(container, sound) for sound in sounds]
        packets: list[Packet[VideoStream] | Packet[AudioStream]] = []
        if video is not None:
            packets += _picture(video, picture_s)
        for stream, sound in zip(streams, sounds, strict=True):
            packets += _encoded(stream, sound)
        for packet in sorted(packets, key=_time_s):
            container.mux(packet)
    return file.getvalue()


def _stream(container: av.container.OutputContainer, sound: Sound) -> AudioStream:
    stream = cast("AudioStream", container.add_stream(sound.codec, rate=sound.rate, options=dict(sound.options)))
    stream.codec_context.bit_rate = 64_000
    channels = 1 if sound.samples.ndim == 1 else sound.samples.shape[1]
    stream.codec_context.layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    stream.metadata.update(sound.metadata)
    if sound.default is not None:
        stream.disposition = Disposition.default if sound.default else Disposition(0)
    return stream


def _picture(stream: VideoStream, length_s: float) -> Iterable["Packet[VideoStream]"]:
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    for index in range(int(length_s * 5)):
        frame = av.VideoFrame.from_ndarray(np.zeros((96, 64), np.uint8), "yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, 5)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _encoded(stream: AudioStream, sound: Sound) -> list["Packet[AudioStream]"]:
    layout = stream.codec_context.layout.name
    samples = np.ascontiguousarray(sound.samples).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, "s16", layout)
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE_HZ, 0, Fraction(1, SAMPLE_RATE_HZ)
    made = list(stream.encode(frame)) + list(stream.encode(None))
    return [packet for packet in (_edited(packet, sound) for packet in made) if packet is not None]


def _edited(packet: "Packet[AudioStream]", sound: Sound) -> "Packet[AudioStream] | None":
    time_s = _time_s(packet)
    given_s = sound.when(time_s)
    if given_s is None:
        return None
    if sound.damaged[0] <= time_s < sound.damaged[1]:
        broken = cast("Packet[AudioStream]", Packet(b"\xff" * packet.size))
        for name in ("pts", "dts", "time_base", "stream", "duration"):
            setattr(broken, name, getattr(packet, name))
        packet = broken
    assert packet.pts is not None
    packet.pts = packet.dts = packet.pts + round((given_s - time_s) / packet.time_base)
    return packet


def _time_s(packet: "Packet[AudioStream] | Packet[VideoStream]") -> float:
    assert packet.dts is not None
    return float(packet.dts * packet.time_base)


def found_s(samples: Samples, wanted: Samples) -> float:
    """Where in `samples` that stretch of speech begins; fails when it is not there."""
    there, sought = _envelope(samples), _envelope(wanted)
    sought = sought - sought.mean()
    at = int(np.correlate(there - there.mean(), sought, "valid").argmax())
    likeness = float(np.corrcoef(there[at : at + len(sought)], sought)[0, 1])
    assert likeness > 0.85, f"the speech is not there: {likeness:.2f} at {at / ENVELOPE_HZ} s"
    return at / ENVELOPE_HZ


def _envelope(samples: Samples) -> NDArray[np.float64]:
    hop = SAMPLE_RATE_HZ // ENVELOPE_HZ
    whole = samples[: len(samples) // hop * hop].astype(np.float64)
    envelope: NDArray[np.float64] = np.sqrt((whole.reshape(-1, hop) ** 2).mean(axis=1))
    return envelope


def part(samples: Samples, start_s: float, end_s: float) -> Samples:
    return samples[int(start_s * SAMPLE_RATE_HZ) : int(end_s * SAMPLE_RATE_HZ)]
