"""The corrector with a server of the chat API over HTTP, also one that hangs, fails, or answers nonsense."""

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from processors.corrector.answers import Answers, Origin
from processors.corrector.correcting import Correcting
from processors.corrector.endpoint import FAILURES_MAX, Endpoint, EndpointFailed
from processors.corrector.model_correction import ModelCorrected, ModelCorrector
from processors.corrector.rule_book import RuleBook
from processors.corrector.rules import Applied, Rules
from runtime.errors import UsageError
from runtime.objects import keys
from runtime.objects.directory import DirectoryStore
from runtime.objects.transcripts import Transcripts
from runtime.settings import Settings
from schemas.options import DecodingOptions, ModelRef
from schemas.segment import Segment
from schemas.transcript import Transcript
from schemas.work import AudioInfo, CorrectionRequested
from tests import chat_server
from tests.chat_server import KEY, RunningChatServer, good
from tests.samples import sample

TEXTS = ("hello kafka", "how are you", "", "fine thank you")
WORK_ID, OTHER_ID = "a" * 64, "b" * 64
QUICK = {"corrector_timeout_s": 0.2}


@pytest.fixture(scope="module")
def chat() -> Iterator[RunningChatServer]:
    with chat_server.running() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    made = DirectoryStore({"work": tmp_path})
    made.create()
    return made


def settings(chat: RunningChatServer, model: str, **more: object) -> Settings:
    return Settings.model_validate({"corrector_url": chat.url, "corrector_model": model, "work_bucket": "work", **more})


def corrector(store: DirectoryStore, chosen: Settings, now: Any = lambda: datetime.now(UTC)) -> ModelCorrector:
    return ModelCorrector(Endpoint(chosen), Answers(store, "work", chosen.correction_cache_s, now), chosen)


def correct(
    made: ModelCorrector, texts: tuple[str, ...] = TEXTS, owner: str = "default", work_id: str = WORK_ID
) -> ModelCorrected:
    async def run() -> ModelCorrected:
        try:
            return await made.correct(texts, ("en",) * len(texts), Origin(owner, work_id), 60.0)
        finally:
            await made.endpoint.close()

    return asyncio.run(run())


@pytest.mark.parametrize("model", ["good", "fenced"])
def test_a_good_answer_is_used(store: DirectoryStore, chat: RunningChatServer, model: str) -> None:
    result = correct(corrector(store, settings(chat, model)))
    assert result == ModelCorrected(tuple(good(text) if text else "" for text in TEXTS))


@pytest.mark.parametrize(
    ("model", "why", "more"),
    [
        ("slow", "no answer within", QUICK),
        ("endless", "no answer within", QUICK),
        ("broken", "status 500", {}),
        ("garbage", "not one of the chat API", {}),
        ("choiceless", "not one of the chat API", {}),
        ("huge", "too large", {}),
        ("streaming", "not one of the chat API", {}),
        ("talkative", "no number", {}),
        ("forgetful", "2 of 3 lines", {}),
        ("repeating", "not asked for", {}),
        ("tools", "no text", {}),
        ("redirecting", "status 307", {}),
        ("unknown", "status 404", {}),
        ("keyed", "status 401", {}),
        ("keyed", "status 401", {"corrector_api_key": "sk-other"}),
    ],
)
def test_no_answer_or_another_leaves_the_texts_and_says_why(
    store: DirectoryStore, chat: RunningChatServer, monkeypatch: pytest.MonkeyPatch, model: str, why: str, more: dict[str, object]
) -> None:
    monkeypatch.setattr("processors.corrector.endpoint.PAUSE_S", 0.0)
    result = correct(corrector(store, settings(chat, model, **more)))
    assert (result.texts, result.rejected) == (TEXTS, 0)
    (failure,) = result.failures
    assert why in failure
    assert list(store.list("work")) == []


@pytest.mark.parametrize("model", ["translating", "silent"])
def test_segments_that_became_another_text_keep_theirs(store: DirectoryStore, chat: RunningChatServer, model: str) -> None:
    assert correct(corrector(store, settings(chat, model))) == ModelCorrected(TEXTS, rejected=3)
    assert list(store.list("work")) == []


def test_only_what_was_rejected_is_asked_for_again(store: DirectoryStore, chat: RunningChatServer) -> None:
    made = corrector(store, settings(chat, "partly"))
    expected = ModelCorrected((good(TEXTS[0]), TEXTS[1], "", good(TEXTS[3])), rejected=1)
    assert correct(made) == expected
    before = len(chat.asked())
    assert correct(made).texts == (good(TEXTS[0]), good(TEXTS[1]), "", good(TEXTS[3]))  # its answer to a single line is good
    (asked,) = chat.asked()[before:]
    assert asked["messages"][-1]["content"] == "1: how are you"
    assert correct(made) == ModelCorrected(tuple(good(text) if text else "" for text in TEXTS))
    assert len(chat.asked()) == before + 1


def test_an_unreachable_server_is_left_alone_after_some_failures(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processors.corrector.endpoint.PAUSE_S", 0.0)
    chosen = Settings(corrector_url="http://127.0.0.1:1/v1", corrector_model="good")
    now_s, failures = 0.0, []

    async def ask(endpoint: Endpoint) -> None:
        with pytest.raises(EndpointFailed) as error:
            await endpoint.ask("1: hello", "en")
        failures.append(error.value.outcome)

    async def run() -> None:
        nonlocal now_s
        endpoint = Endpoint(chosen, lambda: now_s)
        for _ in range(FAILURES_MAX):
            await ask(endpoint)
        now_s += 3600.0
        await ask(endpoint)
        await endpoint.close()

    asyncio.run(run())
    assert failures == ["unreachable", "resting", "resting", "resting", "resting", "unreachable"]


def test_the_key_is_sent_and_the_request_has_no_tools(store: DirectoryStore, chat: RunningChatServer) -> None:
    result = correct(corrector(store, settings(chat, "keyed", corrector_api_key=KEY, corrector_prompt="Write it well.")))
    assert result.failures == ()
    (asked,) = [each for each in chat.asked() if each["key"] == f"Bearer {KEY}"]
    assert asked.keys() == {"model", "temperature", "stream", "messages", "key"}
    assert (asked["temperature"], asked["stream"]) == (0, False)
    assert [message["content"] for message in asked["messages"]] == [
        "Write it well.\nThe language is en.",
        "1: hello kafka\n2: how are you\n3: fine thank you",
    ]


def test_long_texts_go_in_pieces_of_which_one_that_fails_spoils_no_other(store: DirectoryStore, chat: RunningChatServer) -> None:
    texts = tuple(f"this is number {number} of the texts" for number in range(40))
    before = len(chat.asked())
    result = correct(corrector(store, settings(chat, "good", corrector_piece_chars=100, corrector_concurrency=3)), texts)
    assert result.texts == tuple(good(text) for text in texts)
    assert len(chat.asked()) - before == 14


def test_the_same_text_is_asked_once_for_an_owner_until_it_is_too_old(store: DirectoryStore, chat: RunningChatServer) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    chosen = settings(chat, "good", correction_cache_s=100)
    asked = [len(chat.asked())]

    def again(owner: str = "default", **more: object) -> int:
        made = corrector(store, chosen.model_copy(update=more), lambda: now)
        assert correct(made, owner=owner).texts == tuple(good(text) if text else "" for text in TEXTS)
        asked.append(len(chat.asked()))
        return asked[-1] - asked[-2]

    assert [again(), again()] == [1, 0]
    assert [again("ana"), again(corrector_prompt="other"), again(corrector_temperature=1.0)] == [1, 1, 1]
    now += timedelta(seconds=101)
    assert again() == 1
    assert [again(correction_cache_s=0), again(correction_cache_s=0)] == [1, 1]


def test_an_answer_serves_other_works_and_is_deleted_with_the_one_that_it_was_made_for(
    store: DirectoryStore, chat: RunningChatServer
) -> None:
    made, transcripts = corrector(store, settings(chat, "good")), Transcripts(store, "work")

    def asked(work_id: str) -> int:
        before = len(chat.asked())
        correct(made, work_id=work_id)
        return len(chat.asked()) - before

    assert [asked(WORK_ID), asked(OTHER_ID)] == [1, 0]
    transcripts.delete_corrected(OTHER_ID)
    assert asked(OTHER_ID) == 0
    transcripts.delete_corrected(WORK_ID)
    assert list(store.list("work")) == []
    assert asked(OTHER_ID) == 1


def test_answers_in_the_cache_that_are_damaged_are_asked_for_again(store: DirectoryStore, chat: RunningChatServer) -> None:
    correct(corrector(store, settings(chat, "good")))
    (kept,) = store.list("work", keys.answers_prefix(WORK_ID))
    for content in (b"", b"{}", b'{"at": "2026-01-01T00:00:00Z", "texts": ["one"]}', b"[]"):
        store.put("work", kept.key, content)
        assert correct(corrector(store, settings(chat, "good"))).failures == ()


def test_only_texts_of_the_chosen_owners_and_languages_are_sent(store: DirectoryStore, chat: RunningChatServer) -> None:
    made = corrector(store, settings(chat, "good", corrector_owners="ana, rui", corrector_languages="en"))
    before = len(chat.asked())
    assert correct(made) == ModelCorrected(TEXTS)
    assert len(chat.asked()) == before
    assert made.version("default", ["en"]) is None
    assert made.version("ana", ["pt", None]) is None
    assert made.version("ana", ["pt", "en"]) is not None


def test_a_server_needs_a_model() -> None:
    with pytest.raises(UsageError, match="MURMUR_CORRECTOR_MODEL"):
        Endpoint(Settings(corrector_url="http://127.0.0.1:1/v1"))


NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Corrections:
    """A transcript in a store, and corrections of it until a minute from now."""

    def __init__(self, store: DirectoryStore, file: Path, model: ModelCorrector | None = None) -> None:
        self.transcripts = Transcripts(store, "work")
        self.model = model
        self.book = RuleBook(file if file.exists() else None)
        self.book.load()
        self.now = NOW
        self.raw = raw(NOW)
        self.transcripts.write(self.raw)

    def correct(self, owner: str = "default") -> Transcript | None:
        """What the report names; None: there is none."""
        correcting = Correcting(self.transcripts, self.book, self.model, lambda: self.now)
        request = CorrectionRequested(
            work_id=self.raw.work_id,
            run="0-0",
            owner=owner,
            transcribed_at=self.raw.created_at,
            until=NOW + timedelta(seconds=60),
        )

        async def run() -> Transcript | None:
            try:
                report = await correcting.correct(request)
            finally:
                await correcting.close()
            return self.transcripts.read_at(report.corrected, self.raw.work_id) if report and report.corrected else None

        return asyncio.run(run())


def raw(at: datetime) -> Transcript:
    words = ("we use", "twenty one", "topics")
    return Transcript(
        work_id=WORK_ID,
        audio_id="b" * 64,
        model=ModelRef(name="demo", revision="1"),
        decoding=DecodingOptions(),
        language="en",
        language_probability=1.0,
        duration_s=3.0,
        speech_s=3.0,
        text=" ".join(words),
        segments=tuple(Segment(start=place, end=place + 1, text=text) for place, text in enumerate(words)),
        audio_info=AudioInfo(container="wav", codec="pcm_s16le", sample_rate_hz=16_000, channels=1),
        processing_s=1.0,
        created_at=at,
    )


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text("rules: [{name: numbers, numbers: digits}]")
    return file


def counted() -> list[float]:
    """Corrected transcripts, those of which the time was measured, and answers that were used."""
    used = sample("murmur_corrector_requests_total", outcome="ok")
    return [sample("murmur_corrections_total", outcome="corrected"), sample("murmur_correction_seconds_count"), used]


def test_rules_and_then_the_model_make_one_text_beside_the_raw_one(
    store: DirectoryStore, chat: RunningChatServer, rules: Path
) -> None:
    before = counted()
    made = Corrections(store, rules, corrector(store, settings(chat, "good")))
    found = made.correct()
    assert found is not None
    assert counted() == [count + 1 for count in before]
    assert [(segment.text, segment.raw_text) for segment in found.segments] == [
        ("We use!", "we use"),
        ("21!", "twenty one"),
        ("Topics!", "topics"),
    ]
    assert (found.text, found.raw_text) == ("We use! 21! Topics!", made.raw.text)
    assert found.correction is not None
    assert (found.correction.rules, found.correction.model, found.correction.segments_changed) == (("numbers",), "good", 3)
    assert found.correction.is_complete
    assert made.transcripts.read(made.raw.work_id) == made.raw


def test_a_model_that_fails_leaves_the_text_of_the_rules_and_is_asked_again_the_next_time(
    store: DirectoryStore, chat: RunningChatServer, rules: Path
) -> None:
    made = Corrections(store, rules, corrector(store, settings(chat, "garbage")))
    found = made.correct()
    assert found is not None
    assert found.text == "we use 21 topics"
    assert [warning.code for warning in found.warnings] == ["uncorrected"]
    assert found.correction is not None
    assert not found.correction.is_complete
    before = len(chat.asked())
    made.correct()
    assert len(chat.asked()) == before + 1


def test_a_transcript_with_a_rejected_segment_is_not_complete_and_is_corrected_again(
    store: DirectoryStore, chat: RunningChatServer, rules: Path
) -> None:
    made = Corrections(store, rules, corrector(store, settings(chat, "partly")))
    first, second = made.correct(), made.correct()
    assert first is not None
    assert first.correction is not None
    assert (first.correction.segments_rejected, first.correction.is_complete) == (1, False)
    assert [warning.code for warning in first.warnings] == ["uncorrected"]
    assert second is not None
    assert second.correction is not None
    assert (second.correction.segments_rejected, second.correction.is_complete) == (0, True)


def test_what_was_corrected_before_by_the_same_rules_is_found(
    store: DirectoryStore, rules: Path, chat: RunningChatServer
) -> None:
    made = Corrections(store, rules)
    first = made.correct()
    assert made.correct() == first
    assert len(list(store.list("work", "corrected/"))) == 1
    rules.write_text("rules: [{casing: upper}]")
    made.book.load()
    second = made.correct()
    assert second is not None
    assert first is not None
    assert (first.text, second.text) == ("we use 21 topics", "WE USE TWENTY ONE TOPICS")
    assert len(list(store.list("work", "corrected/"))) == 2
    made.transcripts.delete_corrected(made.raw.work_id)
    assert list(store.list("work", "corrected/")) == []


def test_a_transcript_that_was_made_again_is_corrected_again(store: DirectoryStore, rules: Path) -> None:
    made = Corrections(store, rules)
    made.correct()
    made.raw = made.raw.model_copy(update={"created_at": NOW + timedelta(seconds=1), "text": "two hundred"})
    made.transcripts.write(made.raw)
    found = made.correct()
    assert found is not None
    assert found.raw_text == "two hundred"


def test_without_a_rule_for_it_the_raw_text_is_the_result(store: DirectoryStore, rules: Path) -> None:
    rules.write_text("rules: [{languages: [pt], casing: upper}]")
    assert Corrections(store, rules).correct() is None
    assert list(store.list("work", "corrected/")) == []


def test_rules_have_threads_of_their_own_and_the_time_of_the_request(
    store: DirectoryStore, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, apply, calls = Corrections(store, rules), Rules.apply, []

    def recorded(self: Rules, texts: list[str], languages: list[str], owner: str, until_s: float) -> Applied:
        calls.append((threading.current_thread().name, until_s))
        return apply(self, texts, languages, owner, until_s)

    monkeypatch.setattr(Rules, "apply", recorded)
    assert made.correct() is not None
    ((thread, until_s),) = calls
    assert thread.startswith("corrector-rules")
    assert until_s < time.monotonic() + 60.0


def test_a_request_whose_time_is_over_has_no_report(store: DirectoryStore, rules: Path) -> None:
    made = Corrections(store, rules)
    made.now = NOW + timedelta(seconds=61)
    assert made.correct() is None
    assert list(store.list("work", "corrected/")) == []
