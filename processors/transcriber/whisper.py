"""The resident Whisper model: CTranslate2 through faster-whisper's parts. One encoder pass for language, text and words.

Its traps (each guarded here, measured beforehand): an empty batch is a segmentation fault; NaN gives garbage without an
error; a batch must have one encoder length and one prompt length; alignment takes one language at a time.
"""

import logging
import os
import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from murmur.errors import Invalid, UsageError
from murmur.models import catalogue
from murmur.models.catalogue import Model
from murmur.models.hub import Progress
from murmur.settings import Settings
from processors.transcriber import segments, words
from processors.transcriber.decoding import SAMPLES_PER_TRY, Decoded, with_fallback
from processors.transcriber.engine import ChunkAudio, ChunkText, Group
from processors.transcriber.features import FRAMES_PER_S, OneThreadFilters, frames, waveform
from processors.transcriber.segments import Span
from schemas.options import DecodingOptions
from schemas.segment import Segment, Word
from schemas.work import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

log = logging.getLogger(__name__)
OPENING, CLOSING = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"  # punctuation that belongs to the next or the last word
Heard = tuple[str, float]  # a language and its probability


def load(model: Model, settings: Settings, progress: Progress) -> "WhisperEngine":
    """Downloads the model if it is not here, and loads it. Blocks. Raises UsageError."""
    path = catalogue.fetch(model, progress)
    import ctranslate2
    from faster_whisper import WhisperModel

    device = settings.device
    if device == "auto":
        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
    # On a CPU replicas share the weights, and one thread each beats many threads in one; a GPU runs one batch at a time,
    # while the second thread prepares the next.
    replicas = 2 if device == "cuda" else settings.model_replicas or usable_cores()
    compute_type = settings.compute_type
    if compute_type == "auto":
        compute_type = best_compute_type(model, device, ctranslate2.get_supported_compute_types(device))
    try:
        whisper = WhisperModel(
            str(path),
            device=device,
            compute_type=compute_type,
            cpu_threads=1,
            num_workers=1 if device == "cuda" else replicas,
            local_files_only=True,
        )
    except (RuntimeError, ValueError) as error:
        raise UsageError(f"the model {model.ref.name} cannot be loaded on {device}: {error}") from error
    log.info(
        "model loaded name=%s revision=%s device=%s compute_type=%s replicas=%d",
        *(model.ref.name, model.ref.revision, device, whisper.model.compute_type, replicas),
    )
    return WhisperEngine(whisper, replicas, settings.batch_size if device == "cuda" else 1)


def best_compute_type(model: Model, device: str, supported: Collection[str]) -> str:
    """What the model needs, else the first of what suits the device that it can compute in, else CTranslate2's own choice."""
    if model.compute_type is not None:
        return model.compute_type
    wanted = ("int8", "float32") if device == "cpu" else ("int8_float16", "float16", "float32")
    return next((each for each in wanted if each in supported), "default")


def usable_cores() -> int:
    """Cores that this process may use; macOS does not tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class WhisperEngine:
    """See `processors.transcriber.engine.Engine`."""

    def __init__(self, whisper: "WhisperModel", replicas: int, batch_size: int) -> None:
        self.replicas = replicas
        self.batch_size = batch_size
        self._whisper = whisper
        self._features: Any = None
        self._suppressed: tuple[int, ...] = ()
        self._tokenizers: dict[tuple[str, str], Tokenizer] = {}

    def warm_up(self) -> None:
        from faster_whisper.feature_extractor import FeatureExtractor
        from faster_whisper.transcribe import get_suppressed_tokens

        # A folder without preprocessor_config.json would get 80 mels, whatever the model was made for.
        settings = {**self._whisper.feat_kwargs, "feature_size": self._whisper.model.n_mels}
        self._features = FeatureExtractor(**settings)
        self._features.mel_filters = OneThreadFilters(self._features.mel_filters)
        self._suppressed = get_suppressed_tokens(self._plain, [-1])
        hum = (200 * np.sin(np.arange(SAMPLE_RATE_HZ) / 9)).astype(np.int16)
        self.transcribe([ChunkAudio(hum, DecodingOptions(beam_size=1))] * self.batch_size)

    def group(self, chunk: ChunkAudio) -> Group:
        options = chunk.options
        length = frames(len(chunk.samples), options.encoder_window)
        return Group(length, (options.prompt or "").strip() or None, options.beam_size, options.words)

    def transcribe(self, batch: Sequence[ChunkAudio]) -> list[ChunkText]:
        if not batch:
            return []
        groups = {self.group(chunk) for chunk in batch}
        if len(groups) > 1:
            raise ValueError(f"chunks of {len(groups)} groups cannot share a batch")
        try:
            return self._transcribe(batch, groups.pop())
        except RuntimeError as error:
            if "out of memory" not in str(error) or len(batch) == 1:
                raise
            half = (len(batch) + 1) // 2
            self.batch_size = min(self.batch_size, half)
            log.warning("the device is out of memory at %d chunks; from now on at most %d", len(batch), self.batch_size)
        return [*self.transcribe(batch[:half]), *self.transcribe(batch[half:])]

    def _transcribe(self, batch: Sequence[ChunkAudio], group: Group) -> list[ChunkText]:
        started = time.perf_counter()
        for chunk in batch:
            self._check_language(chunk.options.language)
        mel = np.stack([self._mel(chunk, group.frames) for chunk in batch])
        encoded = self._whisper.encode(mel)
        heard = self._languages(encoded, batch)
        tokenizers = [self._tokenizer(lang, chunk.options.task) for (lang, _), chunk in zip(heard, batch, strict=True)]
        prompts = [self._prompt(tokenizer, group) for tokenizer in tokenizers]

        def generate(which: Sequence[int], temperature: float) -> list[Decoded]:
            rows = encoded if len(which) == len(batch) else self._whisper.encode(mel[list(which)])
            return self._generate(rows, [prompts[index] for index in which], group.beam_size, temperature)

        decoded = with_fallback(len(batch), generate)
        spans = [self._spans(each, chunk) for each, chunk in zip(decoded, batch, strict=True)]
        placed = self._words(encoded, tokenizers, spans, batch) if group.words else [None] * len(batch)
        inference_s = (time.perf_counter() - started) / len(batch)
        return [
            ChunkText(
                language=language,
                language_probability=probability,
                segments=tuple(self._segments(spans[i], placed[i], decoded[i], language)),
                avg_logprob=decoded[i].avg_logprob,
                no_speech_prob=decoded[i].no_speech_prob,
                inference_s=inference_s,
            )
            for i, (language, probability) in enumerate(heard)
        ]

    def _check_language(self, language: str | None) -> None:
        if language is None:
            return
        known = language in self._whisper.supported_languages
        if not known or (self._multilingual and self._whisper.hf_tokenizer.token_to_id(f"<|{language}|>") is None):
            what = "this model reads English only" if not self._multilingual else f"this model does not know {language!r}"
            raise Invalid("unsupported_language", what)

    @property
    def _multilingual(self) -> bool:
        return bool(self._whisper.model.is_multilingual)

    def _mel(self, chunk: ChunkAudio, length: int) -> np.ndarray[Any, Any]:
        """Padded with 0.0, as the models were trained; the last frame is of padding only."""
        from faster_whisper.audio import pad_or_trim

        mel: np.ndarray[Any, Any] = pad_or_trim(self._features(waveform(chunk.samples))[..., :-1], length)
        return mel

    def _languages(self, encoded: Any, batch: Sequence[ChunkAudio]) -> list[Heard]:
        """What was asked for, else what is heard."""
        if not self._multilingual:
            return [("en", 1.0)] * len(batch)
        if all(chunk.options.language for chunk in batch):
            return [(chunk.options.language or "", 1.0) for chunk in batch]
        heard = [ranked[0] for ranked in self._whisper.model.detect_language(encoded)]
        return [
            (chunk.options.language, 1.0) if chunk.options.language else (token[2:-2], probability)
            for chunk, (token, probability) in zip(batch, heard, strict=True)
        ]

    @property
    def _plain(self) -> "Tokenizer":
        """For what does not depend on language and task."""
        return self._tokenizer("en", "transcribe")

    def _tokenizer(self, language: str, task: str) -> "Tokenizer":
        key = (language, task)
        if key not in self._tokenizers:
            from faster_whisper.tokenizer import Tokenizer

            self._tokenizers[key] = Tokenizer(self._whisper.hf_tokenizer, self._multilingual, task=task, language=language)
        return self._tokenizers[key]

    def _prompt(self, tokenizer: "Tokenizer", group: Group) -> list[int]:
        """Times are always asked for: the text is better with them, too."""
        terms = tokenizer.encode(" " + group.prompt) if group.prompt else []
        prompt: list[int] = self._whisper.get_prompt(tokenizer, terms, without_timestamps=False)
        return prompt

    def _generate(self, encoded: Any, prompts: list[list[int]], beam_size: int, temperature: float) -> list[Decoded]:
        search: dict[str, object] = {"beam_size": beam_size}
        if temperature > 0:
            search = {
                "beam_size": 1,
                "num_hypotheses": SAMPLES_PER_TRY,
                "sampling_topk": 0,
                "sampling_temperature": temperature,
            }
        results = self._whisper.model.generate(
            encoded,
            prompts,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=list(self._suppressed),
            max_length=self._whisper.max_length,
            **search,
        )
        if len(results) != len(prompts):
            raise RuntimeError(f"the model gave {len(results)} texts for {len(prompts)} chunks")
        return [self._decoded(result) for result in results]

    def _decoded(self, result: Any) -> Decoded:
        from faster_whisper.transcribe import get_compression_ratio

        tokens = tuple(result.sequences_ids[0])
        text = self._plain.decode(list(tokens)).strip()
        # The score is the mean over the tokens; the end token, which counts in Whisper's thresholds, is not among them.
        avg_logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
        return Decoded(tokens, avg_logprob, result.no_speech_prob, text, get_compression_ratio(text))

    def _spans(self, decoded: Decoded, chunk: ChunkAudio) -> list[Span]:
        tokenizer = self._plain
        text_tokens = sum(token < tokenizer.eot for token in decoded.tokens)
        if segments.is_silence(decoded.no_speech_prob, decoded.avg_logprob, decoded.text, text_tokens):
            return []
        spans = segments.split(decoded.tokens, tokenizer.timestamp_begin, len(chunk.samples) / SAMPLE_RATE_HZ)
        return [span for span in spans if tokenizer.decode(list(span.tokens)).strip()]

    def _words(
        self, encoded: Any, tokenizers: Sequence["Tokenizer"], spans: Sequence[list[Span]], batch: Sequence[ChunkAudio]
    ) -> list[list[tuple[Word, ...]] | None]:
        """An alignment is of one start sequence: a batch of several languages is aligned once for each."""
        from faster_whisper.transcribe import merge_punctuations

        eot = tokenizers[0].eot
        text = [[token for span in mine for token in span.tokens if token < eot] for mine in spans]
        lengths = [max(1, len(chunk.samples) * FRAMES_PER_S // SAMPLE_RATE_HZ) for chunk in batch]
        placed: list[list[tuple[Word, ...]] | None] = [[] for _ in batch]
        for tokenizer in {id(tokenizer): tokenizer for tokenizer in tokenizers}.values():
            mine = [i for i, other in enumerate(tokenizers) if other is tokenizer and text[i]]
            if not mine:
                continue
            alignments = self._whisper.find_alignment(tokenizer, text, encoded, lengths)
            for i in mine:
                merge_punctuations(alignments[i], OPENING, CLOSING)
                placed[i] = words.place([_aligned(word) for word in alignments[i]], spans[i])
        return placed

    def _segments(
        self, spans: Sequence[Span], placed: list[tuple[Word, ...]] | None, decoded: Decoded, language: str
    ) -> list[Segment]:
        from faster_whisper.transcribe import get_compression_ratio

        made = []
        for i, span in enumerate(spans):
            text = self._plain.decode(list(span.tokens)).strip()
            mine = placed[i] if placed else None
            made.append(
                Segment(
                    start=round(span.start, 2),
                    end=round(span.end, 2),
                    text=text,
                    language=language,
                    avg_logprob=decoded.avg_logprob,
                    no_speech_prob=decoded.no_speech_prob,
                    compression_ratio=get_compression_ratio(text),
                    words=mine,
                )
            )
        return made


def _aligned(word: dict[str, Any]) -> words.Aligned:
    return words.Aligned(word["word"], len(word["tokens"]), float(word["start"]), float(word["end"]), float(word["probability"]))
