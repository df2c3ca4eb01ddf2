"""The Whisper model: CTranslate2 through faster-whisper's parts. One encoder pass for language, text and words.

Its traps (each guarded here, measured beforehand): an empty batch is a segmentation fault; NaN gives garbage without an
error; a batch must have one encoder length and one prompt length; alignment takes one language at a time.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from processors.transcriber import guard, joins, languages, prompts, segments, words
from processors.transcriber.decoding import SAMPLES_PER_TRY, Decoded, with_fallback
from processors.transcriber.device_faults import fault_of, typed
from processors.transcriber.engine import Group, LanguagePart, Window, WindowText
from processors.transcriber.features import frames, waveform
from processors.transcriber.mel import Mel
from processors.transcriber.prompts import Prompt
from processors.transcriber.segments import Span, Split
from processors.transcriber.torch_mel import log_mel_for
from runtime import metrics
from runtime.errors import Invalid
from runtime.logs import get_logger
from schemas.options import DecodingOptions
from schemas.segment import Segment, Word
from schemas.sound import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

log = get_logger(__name__)
OPENING, CLOSING = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"  # punctuation that belongs to the next or the last word
DetectedLanguage = tuple[str, float]  # a language and its probability
SAMPLES_PER_FRAME = 320  # of the encoder's output
TIMESTAMPS = 1501  # the last tokens of every model: 0.00 s to 30.00 s


class WhisperEngine:
    """See `processors.transcriber.engine.Engine`."""

    def __init__(self, whisper: "WhisperModel", replicas: int, batch_size: int) -> None:
        self.on_gpu = whisper.model.device == "cuda"
        self.replicas = replicas
        self.batch_size = batch_size
        self._whisper = whisper
        self._log_mel = log_mel_for(whisper.model.n_mels, on_gpu=self.on_gpu)
        self._tokenizers: dict[tuple[str, str], Tokenizer] = {}
        self._recovery = threading.RLock()  # one thread at a time repeats and halves batches

    def warm_up(self) -> None:
        hum = (200 * np.sin(np.arange(SAMPLE_RATE_HZ) / 9)).astype(np.int16)
        windows = 1 if self._whisper.model.device == "cpu" else self.batch_size  # where memory may run out with more
        self.transcribe([Window(hum, DecodingOptions(beam_size=1))] * windows)

    def group(self, window: Window) -> Group:
        return Group.of(frames(len(window.samples), window.options), window.options)

    def transcribe(self, batch: Sequence[Window]) -> list[WindowText]:
        if not batch:
            return []
        groups = {self.group(window) for window in batch}
        if len(groups) > 1:
            raise ValueError(f"windows of {len(groups)} groups cannot share a batch")
        group = groups.pop()
        try:
            return self._transcribe(batch, group)
        except RuntimeError as error:
            failed = error
        with self._recovery:
            return self._recovered(batch, group, failed)

    def _recovered(self, batch: Sequence[Window], group: Group, failed: RuntimeError) -> list[WindowText]:
        """Repeated after errors that are left over from batches, of any thread, which had no memory: all threads' kernels run in
        one thread of CTranslate2. Each thread leaves one at most, as it then waits for `_recovery`."""
        for _ in range(self.replicas):
            if fault_of(failed) != "stale_error":
                break
            metrics.GPU_FAULTS.labels("stale_error").inc()
            log.warning("batch.repeated", windows=len(batch), error=failed)
            try:
                return self._transcribe(batch, group)
            except RuntimeError as error:
                failed = error
        return self._halved(batch, failed)

    def _halved(self, batch: Sequence[Window], failed: RuntimeError) -> list[WindowText]:
        """Raises what smaller batches do not cure."""
        if (fault := fault_of(failed)) is None:
            raise failed
        metrics.GPU_FAULTS.labels(fault).inc()
        if fault != "out_of_memory" or len(batch) == 1:
            raise typed(failed) from failed
        half = (len(batch) + 1) // 2
        self.batch_size = min(self.batch_size, half)
        log.warning("batch.halved", windows=len(batch), batch_size=self.batch_size, error=failed)
        return [*self.transcribe(batch[:half]), *self.transcribe(batch[half:])]

    def _transcribe(self, batch: Sequence[Window], group: Group) -> list[WindowText]:
        started = time.perf_counter()
        for window in batch:
            self._check_language(window.options.language)
        mel = self._log_mel([waveform(window.samples) for window in batch], group.frames)
        encoded = self._encode(mel)
        detected = self._detect_languages(encoded, batch)
        parts = self._parts(encoded, batch)
        # A window with several languages is decoded with its batch, and that text is discarded: it is rare.
        texts = [WindowText(*each) for each in detected] if all(parts) else self._decode(encoded, batch, detected)
        inference_s = (time.perf_counter() - started) / len(batch)
        return [
            WindowText(*detected[row], parts=parts[row], inference_s=inference_s)
            if parts[row]
            else replace(text, inference_s=inference_s)
            for row, text in enumerate(texts)
        ]

    def _decode(self, encoded: Any, batch: Sequence[Window], detected: Sequence[DetectedLanguage]) -> list[WindowText]:
        group = self.group(batch[0])
        tokenizers = [self._tokenizer(lang, window.options.task) for (lang, _), window in zip(detected, batch, strict=True)]
        prompt = prompts.fitted(group.hotwords, group.prompt, self._plain, self._whisper.max_length // 2 - 1)
        suppressed = self._suppressed(group.suppress_tokens)
        starts = [self._whisper.get_prompt(tokenizer, prompt.tokens, without_timestamps=False) for tokenizer in tokenizers]

        def generate(rows: Sequence[int], temperature: float) -> list[Decoded]:
            chosen = encoded if len(rows) == len(batch) else _view(_array(encoded)[list(rows)])
            return self._generate(chosen, [starts[row] for row in rows], group.beam_size, temperature, suppressed)

        # A fitted window with a poor result is decoded again in full, which is better than sampling.
        fitted = batch[0].options.encoder_window == "fit"
        options = [window.options for window in batch]
        decoded = with_fallback(options, generate, group.temperature[:1] if fitted else group.temperature)
        rows = [self._row(*each) for each in zip(batch, detected, decoded, strict=True)]
        aligned = group.words or any(joins.spanned(s.start, s.end, row.window.joins_s) for row in rows for s in row.split.spans)
        placed = self._words(encoded, tokenizers, rows) if aligned else [None] * len(rows)
        return [self._text(row, words, prompt) for row, words in zip(rows, placed, strict=True)]

    def _encode(self, mel: Mel) -> Any:
        """On a CPU one by one: there a batch saves the encoder nothing, and takes as many times the memory. Decoding gains, since
        it reads the weights once for all of them."""
        if self._whisper.model.device == "cpu" and len(mel) > 1:
            return _view(np.concatenate([_array(self._whisper.encode(mel[at : at + 1])) for at in range(len(mel))]))
        return self._whisper.encode(mel)

    def _check_language(self, language: str | None) -> None:
        if language is None:
            return
        known = language in self._whisper.supported_languages
        if not known or (self._multilingual and self._whisper.hf_tokenizer.token_to_id(f"<|{language}|>") is None):
            what = "this model supports English only" if not self._multilingual else f"this model does not support {language!r}"
            raise Invalid("unsupported_language", what)

    @property
    def _multilingual(self) -> bool:
        return bool(self._whisper.model.is_multilingual)

    def _detect_languages(self, encoded: Any, batch: Sequence[Window]) -> list[DetectedLanguage]:
        """The requested language, else the detected one."""
        if not self._multilingual:
            return [("en", 1.0)] * len(batch)
        if all(window.options.language for window in batch):
            return [(window.options.language or "", 1.0) for window in batch]
        best = [ranked[0] for ranked in self._whisper.model.detect_language(encoded)]
        return [
            (window.options.language, 1.0) if window.options.language else (token[2:-2], probability)
            for window, (token, probability) in zip(batch, best, strict=True)
        ]

    def _parts(self, encoded: Any, batch: Sequence[Window]) -> list[tuple[LanguagePart, ...]]:
        """Of each window whose language is not given, where it changes."""
        open_to_all = [self._multilingual and not window.options.language and bool(window.pauses) for window in batch]
        if not any(open_to_all):
            return [()] * len(batch)
        features = _array(encoded)

        def parts(row: int) -> tuple[LanguagePart, ...]:
            def detect(start: int, end: int) -> dict[str, float]:
                stretch = features[row : row + 1, start // SAMPLES_PER_FRAME : -(-end // SAMPLES_PER_FRAME)]
                (ranked,) = self._whisper.model.detect_language(_view(stretch))
                return {token[2:-2]: probability for token, probability in ranked}

            return languages.parts(batch[row].pauses, len(batch[row].samples), detect)

        return [parts(row) if asked else () for row, asked in enumerate(open_to_all)]

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

    def _suppressed(self, tokens: Sequence[int]) -> list[int]:
        """With those that are no text in any case. CTranslate2 does not check them: one that the model lacks would be a write
        beyond its memory."""
        from faster_whisper.transcribe import get_suppressed_tokens

        last = self._plain.timestamp_begin + TIMESTAMPS - 1
        if wrong := [token for token in tokens if token > last or token == self._plain.eot]:
            what = f"the token {wrong[0]} cannot be suppressed: the model has the tokens 0 to {last}"
            raise Invalid("bad_option", f"{what}, and {self._plain.eot} ends a text")
        return list(get_suppressed_tokens(self._plain, list(tokens)))

    def _generate(
        self, encoded: Any, prompts: list[list[int]], beam_size: int, temperature: float, suppressed: list[int]
    ) -> list[Decoded]:
        """Timestamps are always generated: the text is better with them, too."""
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
            suppress_tokens=suppressed,
            max_length=self._whisper.max_length,
            **search,
        )
        if len(results) != len(prompts):
            raise RuntimeError(f"the model gave {len(results)} texts for {len(prompts)} windows")
        return [self._decoded(result) for result in results]

    def _decoded(self, result: Any) -> Decoded:
        from faster_whisper.transcribe import get_compression_ratio

        tokens = tuple(result.sequences_ids[0])
        text = self._plain.decode(list(tokens)).strip()
        # The score is the mean over the tokens; the end token, which counts in Whisper's thresholds, is not among them.
        avg_logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
        return Decoded(tokens, avg_logprob, result.no_speech_prob, text, get_compression_ratio(text))

    def _row(self, window: Window, language: DetectedLanguage, decoded: Decoded) -> "_Row":
        split = segments.split(decoded.tokens, self._plain.timestamp_begin, window.duration_s)
        return _Row(window, language, decoded, split)

    def _words(
        self, encoded: Any, tokenizers: Sequence["Tokenizer"], rows: Sequence["_Row"]
    ) -> list[list[tuple[Word, ...]] | None]:
        """An alignment is of one start sequence: a batch of several languages is aligned once for each. It may use all of the
        encoder's frames: kept to the window's own, words pile up at its end."""
        from faster_whisper.transcribe import merge_punctuations

        frames = self.group(rows[0].window).frames
        text = [[token for span in row.split.all for token in span.tokens] for row in rows]
        placed: list[list[tuple[Word, ...]] | None] = [[] for _ in rows]
        for tokenizer in {id(tokenizer): tokenizer for tokenizer in tokenizers}.values():
            mine = [at for at, other in enumerate(tokenizers) if other is tokenizer and text[at]]
            if not mine:
                continue
            alignments = self._whisper.find_alignment(tokenizer, text, encoded, frames)
            for at in mine:
                merge_punctuations(alignments[at], OPENING, CLOSING)
                placed[at] = words.place([_aligned(word) for word in alignments[at]], rows[at].split.all)
        return placed

    def _text(self, row: "_Row", placed: list[tuple[Word, ...]] | None, prompt: Prompt) -> WindowText:
        spans, decoded = row.split.all, row.decoded
        made = [self._segment(row, span, placed[at] if placed else None) for at, span in enumerate(spans)]
        closed = len(row.split.spans)
        return WindowText(
            *row.language,
            segments=tuple(
                self._asked(row, part) for whole in made[:closed] for part in joins.parted(whole, row.window.joins_s) if part.text
            ),
            tail=next((self._asked(row, segment) for segment in made[closed:] if segment.text), None),
            read_to_s=row.split.read_to_s,
            at_rest=row.split.at_rest,
            runaway=row.split.overrun
            or not decoded.is_good(row.window.options)
            or guard.runaway(decoded.text, row.window.duration_s, decoded.compression_ratio),
            warnings=prompt.warnings,
        )

    def _asked(self, row: "_Row", segment: Segment) -> Segment:
        """Words that were aligned for a join only are not returned."""
        return segment if row.window.options.words else segment.model_copy(update={"words": None})

    def _segment(self, row: "_Row", span: Span, placed: tuple[Word, ...] | None) -> Segment:
        from faster_whisper.transcribe import get_compression_ratio

        text = self._plain.decode(list(span.tokens)).strip()
        return Segment(
            start=round(span.start, 2),
            end=round(span.end, 2),
            text=text,
            language=row.language[0],
            avg_logprob=row.decoded.avg_logprob,
            no_speech_prob=row.decoded.no_speech_prob,
            compression_ratio=get_compression_ratio(text),
            words=placed,
        )


def _array(encoded: Any) -> Mel:
    """The encoder's output in the memory of the CPU; not copied if it is there already."""
    import ctranslate2

    return np.asarray(encoded.to_device(ctranslate2.Device.cpu))


def _view(features: Mel) -> Any:
    import ctranslate2

    return ctranslate2.StorageView.from_array(np.ascontiguousarray(features))


@dataclass(frozen=True, slots=True)
class _Row:
    """One window of a batch, decoded."""

    window: Window
    language: DetectedLanguage
    decoded: Decoded
    split: Split


def _aligned(word: dict[str, Any]) -> words.Aligned:
    return words.Aligned(word["word"], len(word["tokens"]), float(word["start"]), float(word["end"]), float(word["probability"]))
