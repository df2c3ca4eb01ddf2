"""The contract of an engine, on the real demo model: what it reads, what it refuses, and that company changes nothing."""

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from processors.transcriber import windows
from processors.transcriber.decoding import Decoded
from processors.transcriber.device_faults import OutOfMemory
from processors.transcriber.engine import Window, WindowText
from processors.transcriber.loading import CPU_BATCH, load, usable_cores
from processors.transcriber.whisper import WhisperEngine
from processors.transcriber.windows import ChunkWindows
from runtime.errors import DeviceLost, Invalid, UsageError
from runtime.models import catalogue
from runtime.settings import Settings
from schemas.options import DecodingOptions
from schemas.segment import Segment
from tests.clips import AUDIO, CLIPS, Clip, word_errors, words
from tests.contract.reading import RATE, chunks, read, waveform
from tests.samples import sample
from tests.waiting import DEADLINE_S

STALE = "parallel_for failed: cudaErrorInvalidDevice: invalid device ordinal"
MANIFEST: list[dict[str, Any]] = json.loads((AUDIO / "manifest.json").read_text())


def settings(**changes: Any) -> Settings:
    return Settings(_env_file=None, model="demo", device="cpu", **changes)


@pytest.fixture(scope="session")
def engine() -> WhisperEngine:
    loaded = load(catalogue.resolve("demo"), settings(model_replicas=2))
    loaded.warm_up()
    return loaded


@pytest.mark.parametrize("window", ["full", "fit"])
@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.file)
def test_every_clip_reads_within_its_bound(engine: WhisperEngine, clip: Clip, window: str) -> None:
    texts, found = read(engine, clip.file, DecodingOptions.model_validate({"encoder_window": window}))
    text = " ".join(segment.text for segment in found)
    assert word_errors(clip.text, text) <= clip.wer_max, text
    if clip.language:
        assert {text.language for text in texts} == {clip.language}
    assert found == sorted(found, key=lambda segment: segment.start)
    assert all(0 <= segment.start < segment.end <= clip.duration_s + 0.05 for segment in found)
    assert not any(text.unread for text in texts)


def batch(options: DecodingOptions) -> list[Window]:
    """Six windows of two languages and of one group."""
    cut = [samples for file in ("en-two-minutes.flac", "pt-meeting-mp3.mp3") for samples, _ in chunks(waveform(file))]
    return [Window(samples, options) for samples in cut[-4:] + cut[:6] if len(samples) > 5 * RATE][:6]


def agree(one: WindowText, other: WindowText) -> bool:
    """The same words at the same times. Scores may differ in the last digits: some CPUs add up in another order."""

    def written(text: WindowText) -> list[Segment]:
        return [*text.segments, *([text.tail] if text.tail else [])]

    def comparable(text: WindowText) -> list[object]:
        lines = [(each.text, each.start, each.end, each.words and len(each.words)) for each in written(text)]
        return [text.language, text.tail is None, text.read_to_s, text.at_rest, text.runaway, *lines]

    scores = [[each.avg_logprob for each in written(text)] for text in (one, other)]
    return comparable(one) == comparable(other) and scores[0] == pytest.approx(scores[1], abs=1e-3)


@pytest.mark.parametrize("options", [DecodingOptions(), DecodingOptions(words=True)], ids=["segments", "words"])
def test_a_batch_reads_as_its_windows_do_alone(engine: WhisperEngine, options: DecodingOptions) -> None:
    together = batch(options)
    read_together = engine.transcribe(together)
    assert {text.language for text in read_together} == {"en", "pt"}
    assert all(text.segments for text in read_together)
    for text, window in zip(read_together, together, strict=True):
        assert agree(text, engine.transcribe([window])[0])


def test_an_empty_batch_has_no_text(engine: WhisperEngine) -> None:
    assert engine.transcribe([]) == []


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "Sofia"},
        {"hotwords": "Sofia"},
        {"beam_size": 1},
        {"temperature": (0.0,)},
        {"suppress_tokens": ()},
        {"words": True},
        {"encoder_window": "fit"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_windows_of_two_groups_do_not_share_a_batch(engine: WhisperEngine, other: dict[str, object]) -> None:
    second = np.zeros(RATE, dtype=np.int16)
    with pytest.raises(ValueError, match="2 groups"):
        engine.transcribe([Window(second, DecodingOptions()), Window(second, DecodingOptions.model_validate(other))])


@pytest.mark.parametrize("beyond", [0, 1, 40_000])
def test_a_token_that_cannot_be_suppressed_is_invalid(engine: WhisperEngine, beyond: int) -> None:
    """One that the model lacks would be a write beyond its memory; without the end token no text would end."""
    last = engine._plain.timestamp_begin + 1500
    wrong = last + beyond if beyond else engine._plain.eot
    second = np.zeros(RATE, dtype=np.int16)
    with pytest.raises(Invalid, match=f"the token {wrong} cannot be suppressed: the model has the tokens 0 to {last}") as caught:
        engine.transcribe([Window(second, DecodingOptions(suppress_tokens=(-1, wrong)))])
    assert caught.value.failure.reason == "bad_option"
    engine.transcribe([Window(second, DecodingOptions(suppress_tokens=(last,)))])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_what_is_not_audio_is_invalid(engine: WhisperEngine, bad: float) -> None:
    samples = np.zeros(RATE, dtype=np.float32)
    samples[100] = bad
    with pytest.raises(Invalid) as caught:
        engine.transcribe([Window(samples, DecodingOptions())])
    assert caught.value.failure.reason == "corrupt_audio"


@pytest.mark.parametrize("language", ["xx", "yue"])
def test_a_language_that_the_model_lacks_is_invalid(engine: WhisperEngine, language: str) -> None:
    with pytest.raises(Invalid) as caught:
        engine.transcribe([Window(np.zeros(RATE, dtype=np.int16), DecodingOptions(language=language))])
    assert caught.value.failure.reason == "unsupported_language"


@pytest.mark.parametrize("samples", [1, 160, 399, RATE // 10])
def test_the_shortest_audio_is_read_without_harm(engine: WhisperEngine, samples: int) -> None:
    for window in ("full", "fit"):
        options = DecodingOptions.model_validate({"encoder_window": window, "words": True})
        (text,) = engine.transcribe([Window(np.zeros(samples, dtype=np.int16), options)])
        written = [*text.segments, *([text.tail] if text.tail else [])]
        assert all(segment.end <= samples / RATE + 0.01 for segment in written)
        assert text.read_to_s <= samples / RATE


def test_int16_and_float_samples_read_the_same(engine: WhisperEngine) -> None:
    audio = waveform("en-command.wav")
    as_int = np.round(audio * 32768).astype(np.int16)
    as_float = (as_int / 32768).astype(np.float32)
    texts = engine.transcribe([Window(as_int, DecodingOptions()), Window(as_float, DecodingOptions())])
    assert agree(*texts)


def test_a_forced_language_is_the_one_that_is_written(engine: WhisperEngine) -> None:
    """The demo model makes nonsense of Portuguese that it has to read as English."""
    audio = waveform("pt-command.wav")
    forced, detected, named = (
        engine.transcribe([Window(audio, DecodingOptions(language=language))])[0] for language in ("en", None, "pt")
    )
    assert (forced.language, forced.language_probability) == ("en", 1.0)
    assert (named.language, named.language_probability) == ("pt", 1.0)
    assert [segment.text for segment in named.segments] == [segment.text for segment in detected.segments]
    assert [segment.text for segment in forced.segments] != [segment.text for segment in detected.segments]


def test_the_task_selects_the_models_task_token(engine: WhisperEngine) -> None:
    """It was not trained to translate, and writes something else all the same. A real translation: tests/speech."""
    audio = waveform("pt-command.wav")
    translated, transcribed = (
        engine.transcribe([Window(audio, DecodingOptions(task=task))])[0] for task in ("translate", "transcribe")
    )
    assert [segment.text for segment in translated.segments] != [segment.text for segment in transcribed.segments]


def test_of_a_long_prompt_the_end_is_used_with_a_warning(engine: WhisperEngine) -> None:
    """The demo model was not trained with prompts: a long one shows in what it writes."""
    audio, prompt = waveform("en-command.wav"), ("radio garden " * 120).strip()
    most = engine._whisper.max_length // 2 - 1
    tokens = engine._plain.encode(" " + prompt)
    cut_by_hand = engine._plain.decode(tokens[-most:]).strip()
    assert engine._plain.encode(" " + cut_by_hand) == tokens[-most:] != tokens

    def with_prompt(prompt: str | None) -> WindowText:
        (text,) = engine.transcribe([Window(audio, DecodingOptions(prompt=prompt))])
        return text

    whole, by_hand, none = with_prompt(prompt), with_prompt(cut_by_hand), with_prompt(None)
    assert agree(whole, by_hand)
    assert not agree(whole, none)
    assert [warning.code for warning in whole.warnings] == ["prompt_cut"]
    assert f"the prompt has {len(tokens)} tokens; only its last {most} were used" in whole.warnings[0].message
    assert by_hand.warnings == none.warnings == ()


def test_a_chunk_of_two_languages_is_read_in_both(engine: WhisperEngine) -> None:
    english, portuguese = (next(chunks(waveform(file)))[0] for file in ("en-meeting-opus.ogg", "pt-meeting-mp3.mp3"))
    pause = np.zeros(RATE // 2, dtype=np.float32)
    first = (0.0, len(english) / RATE)
    second = (first[1] + 0.5, first[1] + 0.5 + len(portuguese) / RATE)
    together = np.concatenate([english, pause, portuguese])
    text = windows.read(engine, ChunkWindows(together, DecodingOptions(), [first, second]))
    assert [language for language, _ in groupby(segment.language for segment in text.segments)] == ["en", "pt"]
    for stretch, samples in ((first, english), (second, portuguese)):
        alone = windows.read(engine, ChunkWindows(samples, DecodingOptions(), [(0.0, len(samples) / RATE)]))
        inside = [each.text for each in text.segments if stretch[0] <= (each.start + each.end) / 2 <= stretch[1]]
        assert word_errors(" ".join(each.text for each in alone.segments), " ".join(inside)) <= 0.05


@pytest.mark.parametrize("file", ["en-meeting-opus.ogg", "pt-meeting-mp3.mp3", "en-numbers.flac"])
def test_words_have_times_inside_their_segments(engine: WhisperEngine, file: str) -> None:
    _, found = read(engine, file, DecodingOptions(words=True))
    plain = read(engine, file, DecodingOptions())[1]
    assert [segment.model_copy(update={"words": None}) for segment in found] == plain
    last = 0.0
    for segment in found:
        assert segment.words
        assert "".join(word.word for word in segment.words).strip() == segment.text
        for word in segment.words:
            assert segment.start <= word.start <= word.end <= segment.end
            assert word.start >= last
            last = word.end
    assert sum(word.end > word.start for segment in found for word in segment.words or ()) > 0.8 * len(
        words(" ".join(s.text for s in found))
    )


def test_words_agree_with_the_manifest_on_when_sentences_begin(engine: WhisperEngine) -> None:
    expected_segments = next(clip["segments"] for clip in MANIFEST if clip["file"] == "en-parallel.flac")
    _, found = read(engine, "en-parallel.flac", DecodingOptions(words=True))
    assert len(found) == len(expected_segments)
    for segment, expected in zip(found, expected_segments, strict=True):
        assert segment.start == pytest.approx(expected["start"], abs=0.3)
        assert segment.end == pytest.approx(expected["end"], abs=0.3)
        assert segment.words
        assert segment.words[0].start == pytest.approx(expected["start"], abs=0.6)


class Unsure(WhisperEngine):
    """Finds its text for the second window unlikely, until that is sampled at a higher temperature."""

    seen: list[tuple[float, NDArray[np.float32]]]

    def _generate(
        self, encoded: Any, prompts: list[list[int]], beam_size: int, temperature: float, suppressed: list[int]
    ) -> list[Decoded]:
        self.seen.append((temperature, np.array(encoded)))
        decoded = super()._generate(encoded, prompts, beam_size, temperature, suppressed)
        if temperature == 0:
            decoded[1] = replace(decoded[1], avg_logprob=-5.0, no_speech_prob=0.0)
        return decoded


def test_a_window_that_is_sampled_again_has_its_own_encoding(engine: WhisperEngine) -> None:
    unsure = Unsure(engine._whisper, replicas=1, batch_size=3)
    unsure.seen = []
    unsure.transcribe(batch(DecodingOptions())[:3])
    (first, together), (second, again), *_ = unsure.seen
    assert (first, second > 0) == (0.0, True)
    assert np.array_equal(again, together[1:2])


class Cramped(WhisperEngine):
    """A device with memory for so many windows."""

    holds = 2
    text = "CUDA failed with error out of memory"

    def _transcribe(self, batch: Sequence[Window], group: Any) -> list[WindowText]:
        if len(batch) > self.holds:
            raise RuntimeError(self.text)
        return super()._transcribe(batch, group)


def cramped(engine: WhisperEngine, holds: int) -> Cramped:
    made = Cramped(engine._whisper, replicas=1, batch_size=5)
    made.holds = 5
    made.warm_up()
    made.holds = holds
    return made


def test_a_batch_that_does_not_fit_is_halved_until_it_does(engine: WhisperEngine) -> None:
    before = sample("murmur_gpu_faults_total", fault="out_of_memory")
    small, together = cramped(engine, holds=2), batch(DecodingOptions())[:5]
    assert all(map(agree, small.transcribe(together), engine.transcribe(together)))
    assert small.batch_size == 2
    assert sample("murmur_gpu_faults_total", fault="out_of_memory") == before + 2, "five do not fit, nor three"


def test_a_window_that_does_not_fit_alone_is_an_error_of_the_device(engine: WhisperEngine) -> None:
    with pytest.raises(OutOfMemory, match="out of memory"):
        cramped(engine, holds=0).transcribe(batch(DecodingOptions())[:2])


def test_a_lost_context_is_not_retried(engine: WhisperEngine) -> None:
    failing = cramped(engine, holds=0)
    failing.text = "CUDA failed with error an illegal memory access was encountered"
    with pytest.raises(DeviceLost, match="illegal memory access"):
        failing.transcribe(batch(DecodingOptions())[:4])
    assert failing.batch_size == 5


class Leftover(Cramped):
    """The batch after one that had no memory reports an error of its own, as CUDA did; `times`: how often."""

    times = 1
    due = 0

    def _transcribe(self, batch: Sequence[Window], group: Any) -> list[WindowText]:
        if self.due and len(batch) <= self.holds:
            self.due -= 1
            raise RuntimeError(STALE)
        self.due = self.times if len(batch) > self.holds else 0
        return super()._transcribe(batch, group)


def leftover(engine: WhisperEngine, times: int, replicas: int) -> Leftover:
    made = Leftover(engine._whisper, replicas, batch_size=5)
    made.times = times
    return made


@pytest.mark.parametrize("threads", [1, 2])
def test_the_errors_that_being_out_of_memory_leaves_behind_are_retried(engine: WhisperEngine, threads: int) -> None:
    """One of each thread."""
    failing, together = leftover(engine, threads, threads), batch(DecodingOptions())[:3]
    assert all(map(agree, failing.transcribe(together), engine.transcribe(together)))
    assert failing.batch_size == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_error_once_more_is_a_lost_device(engine: WhisperEngine, threads: int) -> None:
    with pytest.raises(DeviceLost, match="invalid device ordinal"):
        leftover(engine, threads + 1, threads).transcribe(batch(DecodingOptions())[:3])


class Shared(WhisperEngine):
    """Memory for one window. The error that being out of memory leaves behind comes to whichever thread is next: here to the
    second one, while the first has its first half."""

    def __init__(self, engine: WhisperEngine) -> None:
        super().__init__(engine._whisper, replicas=2, batch_size=4)
        self.halving, self.met = threading.Event(), threading.Event()
        self.calls: list[str] = []
        self._first = threading.get_ident()
        self._due = False

    def _transcribe(self, batch: Sequence[Window], group: Any) -> list[WindowText]:
        self.calls.append("first" if threading.get_ident() == self._first else "second")
        if len(batch) == 2 and not self.met.is_set():
            self.halving.set()
            assert self.met.wait(DEADLINE_S)
        if self._due:
            self._due = False
            self.met.set()
            raise RuntimeError(STALE)
        if len(batch) > 1:
            self._due = True
            raise RuntimeError(Cramped.text)
        return [WindowText("en", 1.0)]


def test_a_thread_that_meets_the_error_of_another_one_waits_until_that_has_recovered(engine: WhisperEngine) -> None:
    shared, together = Shared(engine), batch(DecodingOptions())

    def second() -> list[WindowText]:
        assert shared.halving.wait(DEADLINE_S)
        return shared.transcribe(together[:1])

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(second)
        assert len(shared.transcribe(together[:4])) == 4
        assert len(other.result(DEADLINE_S)) == 1
    assert shared.calls.count("second") == 2
    assert shared.calls[-1] == "second"


def test_a_cpu_has_a_replica_for_every_core_and_small_batches() -> None:
    loaded = load(catalogue.resolve("demo"), settings())
    assert loaded.replicas == usable_cores()
    assert 1 <= loaded.batch_size <= CPU_BATCH


def test_replicas_and_batches_can_be_set() -> None:
    loaded = load(catalogue.resolve("demo"), settings(model_replicas=3, batch_size=5))
    assert (loaded.replicas, loaded.batch_size) == (3, 5)


def test_a_compute_type_that_the_device_lacks_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="demo cannot be loaded on cpu"):
        load(catalogue.resolve("demo"), settings(compute_type="float61"))
