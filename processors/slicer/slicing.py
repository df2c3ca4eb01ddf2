"""One file from its first byte to its last chunk: decode, find its regions of speech, cut. Uses neither Kafka nor a store.

Fed by a reader; its events feed `worker`. Keeps only the speech of the chunk under construction and the most recent samples.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from processors.slicer.audio import Check, DecodeOptions, Decoder, DecoderUsage, MediaFile, OpenAudio, Samples, no_check
from processors.slicer.cutter import Chunk, Cutter
from processors.slicer.media_info import MediaInfo
from processors.slicer.region_source import RegionSource, region_source
from processors.slicer.vad import Session
from runtime.errors import Invalid
from schemas.options import SlicingOptions
from schemas.sound import SAMPLE_RATE_HZ
from schemas.work import AudioInfo, Span

OTHER_TRACKS_MAX = 8  # each is a pass over the file


@dataclass(frozen=True, slots=True)
class Opened:
    info: AudioInfo


@dataclass(frozen=True, slots=True)
class Cut:
    """`pcm`: the chunk's pieces joined, s16le mono 16 kHz."""

    chunk: Chunk
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """`vad_s` (CPU seconds of speech detection) and `usage` (of decoding, None: not measured): of all tracks that were tried."""

    info: AudioInfo
    chunks: tuple[Chunk, ...]
    vad_s: float
    usage: DecoderUsage | None


Event = Opened | Cut | Closed


@dataclass(frozen=True, slots=True)
class Slicer:
    """What all files share. Safe to use from many threads."""

    decode: Decoder
    session: Session
    max_audio_s: float

    def slice(self, file: MediaFile, options: SlicingOptions, check: Check = no_check) -> Iterator[Event]:
        """Opened, a Cut for every chunk, Closed. The same bytes and options give the same chunks. `check`, errors: see Decoder.

        If the track that the decoder chose has no speech, the others are tried.
        """
        with self.decode(file, self._decoding(options, options.track), check) as audio:
            yield Opened(_audio_info(audio.info))
            closed = yield from self._cut(audio, options, [])
        tried = [closed]
        if not closed.chunks and options.track is None:
            others = [track.index for track in closed.info.tracks if track.index != closed.info.track]
            for track in others[:OTHER_TRACKS_MAX]:
                other = yield from self._cut_other(file, options, track, check)
                tried += [other] if other else []
                if other and other.chunks:
                    closed = other
                    break
        yield replace(closed, vad_s=sum(one.vad_s for one in tried), usage=_total([one.usage for one in tried]))

    def _decoding(self, options: SlicingOptions, track: int | None) -> DecodeOptions:
        return DecodeOptions(self.max_audio_s, track, options.raw_format, options.loudness, options.highpass)

    def _cut_other(
        self, file: MediaFile, options: SlicingOptions, track: int, check: Check
    ) -> Generator[Cut, None, Closed | None]:
        """None: it cannot be decoded, and there was no event."""
        chunks: list[Chunk] = []
        try:
            with self.decode(file, self._decoding(options, track), check) as audio:
                return (yield from self._cut(audio, options, chunks))
        except Invalid:
            if chunks:
                raise
            return None

    def _cut(self, audio: OpenAudio, options: SlicingOptions, chunks: list[Chunk]) -> Generator[Cut, None, Closed]:
        """Appends each chunk to `chunks`."""
        source = region_source(self.session, options)
        for cut in cuts(audio.blocks(), source, options.max_chunk_s):
            chunks.append(cut.chunk)
            yield cut
        return Closed(_audio_info(audio.info), tuple(chunks), source.cpu_s, audio.usage)


def _audio_info(info: MediaInfo) -> AudioInfo:
    return AudioInfo.model_validate(asdict(info))


def _total(usages: Sequence[DecoderUsage | None]) -> DecoderUsage | None:
    measured = [usage for usage in usages if usage is not None]
    if not measured:
        return None
    return DecoderUsage(sum(usage.cpu_s for usage in measured), max(usage.peak_memory_bytes for usage in measured))


def cuts(blocks: Iterable[Samples], source: RegionSource, max_chunk_s: float) -> Iterator[Cut]:
    """The chunks of one file's samples, each as soon as it is final."""
    cutter = Cutter(int(max_chunk_s * SAMPLE_RATE_HZ))
    recent = _RecentSamples()
    for block in blocks:
        recent.append(block)
        for region in source.feed(block):
            recent.keep(region.span)
            yield from map(recent.cut, cutter.add(region))
        recent.forget(source.needed_from)
    for region in source.finish():
        recent.keep(region.span)
        yield from map(recent.cut, cutter.add(region))
    yield from map(recent.cut, cutter.finish())


class _RecentSamples:
    """The most recent samples of the file, and the regions of the chunk under construction without the silence between them."""

    def __init__(self) -> None:
        self._blocks: deque[tuple[int, Samples]] = deque()  # each with its first sample's number
        self._kept: deque[tuple[int, Samples]] = deque()
        self._end = 0

    def append(self, block: Samples) -> None:
        self._blocks.append((self._end, block))
        self._end += len(block)

    def keep(self, region: Span) -> None:
        self._kept.append((region[0], np.concatenate(list(_read(self._blocks, region)))))

    def forget(self, before: int) -> None:
        _drop(self._blocks, before)

    def cut(self, chunk: Chunk) -> Cut:
        pcm = np.concatenate([part for piece in chunk.pieces for part in _read(self._kept, piece)])
        _drop(self._kept, chunk.span[1])
        return Cut(chunk, pcm.astype("<i2", copy=False).tobytes())


def _read(stretches: Iterable[tuple[int, Samples]], span: Span) -> Iterator[Samples]:
    for at, samples in stretches:
        begin, end = max(span[0] - at, 0), min(span[1] - at, len(samples))
        if begin < end:
            yield samples[begin:end]


def _drop(stretches: deque[tuple[int, Samples]], before: int) -> None:
    """Removes those that end before that sample."""
    while stretches and stretches[0][0] + len(stretches[0][1]) <= before:
        stretches.popleft()
