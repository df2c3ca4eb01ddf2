"""A file read by murmur in one way, and by faster-whisper beside it: a row of the comparison, which `comparison` shows."""

import time
from dataclasses import dataclass, replace

from benchmarks.speech.comparison import Row
from benchmarks.speech.faster_whisper_reader import FasterWhisperReader
from benchmarks.speech.murmur_reader import MurmurReader
from benchmarks.speech.recordings import SpeechFile
from murmur.word_errors import score
from schemas.options import ALL_FILTERS, TEMPERATURES, DecodingOptions, EncoderWindow, Filter, SlicingOptions
from schemas.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Way:
    """How murmur reads a file. `language=None`: detected. Fitted windows are what the measured weights get by default."""

    language: str | None
    limit_s: float = 30.0
    words: bool = False
    window: EncoderWindow = "fit"
    margin_s: float = 5.0
    multilingual: bool = False
    beam_size: int = 5
    prompt: str | None = None
    vad: bool = True
    filters: tuple[Filter, ...] = ALL_FILTERS
    temperature: tuple[float, ...] = TEMPERATURES

    def __str__(self) -> str:
        """As the table names it: all but the language."""
        marks = {"words": self.words, "full": self.window == "full", "multilingual": self.multilingual, "no VAD": not self.vad}
        return " ".join([f"{self.limit_s:g} s", *(name for name, is_set in marks.items() if is_set)])

    @property
    def decoding(self) -> DecodingOptions:
        return DecodingOptions(
            language=self.language,
            words=self.words,
            multilingual=self.multilingual,
            encoder_window=self.window,
            encoder_margin_s=self.margin_s,
            beam_size=self.beam_size,
            prompt=self.prompt,
            filters=self.filters,
            temperature=self.temperature,
        )

    @property
    def slicing(self) -> SlicingOptions:
        return SlicingOptions(max_chunk_s=self.limit_s, vad=self.vad)


def read(murmur: MurmurReader, file: SpeechFile, way: Way) -> tuple[Transcript, Row]:
    began_s = time.process_time()
    transcript = murmur.transcribe(file.data, way.decoding, way.slicing)
    cpu_s = time.process_time() - began_s
    return transcript, Row(file.name, transcript.model.name, str(way), score(file.text, transcript.text), cpu_s)


def beside(row: Row, reference: FasterWhisperReader, file: SpeechFile, way: Way) -> Row:
    """The row with faster-whisper's errors: same beam, language and compute type, with VAD or without; no limit of chunks and no
    times of words."""
    other = reference.transcribe(file.data, way.language, way.beam_size, vad=way.vad)
    return replace(row, reference=score(file.text, other.text), reference_cpu_s=other.cpu_s)
