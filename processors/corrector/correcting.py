"""A transcript to its corrected one: rules, then the model. Fed by the stage with one request after the other, many at a time."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from processors.corrector.answers import Origin
from processors.corrector.corrected import corrected, texts
from processors.corrector.model_correction import ModelCorrected, ModelCorrector
from processors.corrector.rule_book import RuleBook
from processors.corrector.rules import Applied, Rules
from runtime import metrics
from runtime.backoff import store_backoff
from runtime.errors import Retry
from runtime.identity import digest
from runtime.logs import get_logger
from runtime.objects import NotFound
from runtime.objects.transcripts import Transcripts
from schemas.codec import Undecodable
from schemas.correction import Correction
from schemas.transcript import Transcript
from schemas.work import CorrectionRequested, WorkCorrected

log = get_logger(__name__)
CORRECTION_VERSION = 4  # increment when the same rules and settings would give another text
RULE_THREADS = 4  # of their own: slow patterns occupy none that read and write
REPORT_SHARE = 0.2  # of the time that a request has left: kept for storing and reporting what there is


@dataclass(frozen=True, slots=True)
class Plan:
    """What applies to a transcript. `version`: of all that; None: nothing applies."""

    rules: Rules
    languages: tuple[str | None, ...]
    version: str | None
    uses_model: bool


class Correcting:
    """`correct()` may run many times at once, in one event loop. `model`: None: rules only."""

    def __init__(
        self,
        transcripts: Transcripts,
        book: RuleBook,
        model: ModelCorrector | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._transcripts = transcripts
        self._book = book
        self._model = model
        self._now = now
        self._rule_threads = ThreadPoolExecutor(RULE_THREADS, "corrector-rules")

    async def correct(self, request: CorrectionRequested) -> WorkCorrected | None:
        """The report. None: the time for it is over, and nobody waits for it."""
        backoff = store_backoff()
        while (left_s := self._left_s(request)) > 0:
            try:
                async with asyncio.timeout(left_s):
                    return await self._correct(request)
            except Retry as error:
                await asyncio.sleep(min(backoff.next_s(error.after_s), left_s))
            except TimeoutError:
                break
        metrics.CORRECTIONS.labels("late").inc()
        log.warning("correction.late", work_id=request.work_id, owner=request.owner)
        return None

    async def close(self) -> None:
        self._rule_threads.shutdown(wait=False, cancel_futures=True)
        if self._model is not None:
            await self._model.endpoint.close()

    def _left_s(self, request: CorrectionRequested) -> float:
        return (request.until - self._now()).total_seconds()

    async def _correct(self, request: CorrectionRequested) -> WorkCorrected:
        try:
            raw = await asyncio.to_thread(self._transcripts.read, request.work_id, request.transcribed_at)
        except (NotFound, Undecodable) as error:
            log.warning("transcript.lost", work_id=request.work_id, error=error)
            return WorkCorrected(owner=request.owner)  # the coordinator finds out itself, and has it transcribed again
        plan = await asyncio.to_thread(self._plan, raw, request.owner)
        if plan.version is None:
            metrics.CORRECTIONS.labels("not_wanted").inc()
            return WorkCorrected(owner=request.owner)
        known = await asyncio.to_thread(self._transcripts.read_corrected, raw.work_id, plan.version, raw.created_at)
        if known is not None:
            metrics.CORRECTIONS.labels("known").inc()
            return WorkCorrected(owner=request.owner, corrected=self._transcripts.corrected_ref(known))
        transcript = await self._corrected(raw, plan, plan.version, request)
        ref = await asyncio.to_thread(self._transcripts.write_corrected, transcript, request.run)
        _report(request, transcript)
        return WorkCorrected(owner=request.owner, corrected=ref)

    async def _corrected(self, raw: Transcript, plan: Plan, version: str, request: CorrectionRequested) -> Transcript:
        began_s = time.monotonic()
        applied = await self._by_rules(raw, plan, request)
        by_model, name = ModelCorrected(applied.texts), None
        if self._model is not None and plan.uses_model:
            name = self._model.endpoint.model
            within_s = self._correcting_s(request)
            by_model = await self._model.correct(applied.texts, plan.languages, Origin(request.owner, raw.work_id), within_s)
        correction = Correction(version=version, model=name, segments_changed=0, seconds=round(time.monotonic() - began_s, 3))
        return await asyncio.to_thread(corrected, raw, applied, by_model, correction)

    async def _by_rules(self, raw: Transcript, plan: Plan, request: CorrectionRequested) -> Applied:
        """Ends when the request's time does, so that its thread is free for others."""
        until_s = time.monotonic() + self._correcting_s(request)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._rule_threads, plan.rules.apply, texts(raw), plan.languages, request.owner, until_s
        )

    def _correcting_s(self, request: CorrectionRequested) -> float:
        return (1 - REPORT_SHARE) * self._left_s(request)

    def _plan(self, raw: Transcript, owner: str) -> Plan:
        languages = tuple(segment.language or raw.language for segment in raw.segments)
        distinct = list(dict.fromkeys(languages))
        rules = self._book.current()
        versions = [rules.version(owner, distinct), self._model.version(owner, distinct) if self._model is not None else None]
        version = digest([CORRECTION_VERSION, *versions]) if any(versions) else None
        return Plan(rules, languages, version, uses_model=versions[1] is not None)


def _report(request: CorrectionRequested, transcript: Transcript) -> None:
    """One log line for each corrected transcript, and what is counted then."""
    correction = transcript.correction
    assert correction is not None
    metrics.CORRECTIONS.labels("corrected" if correction.is_complete else "incomplete").inc()
    metrics.CORRECTION_SECONDS.observe(correction.seconds)
    log.info(
        "transcript.corrected",
        work_id=request.work_id,
        owner=request.owner,
        segments=len(transcript.segments),
        changed=correction.segments_changed,
        rejected=correction.segments_rejected,
        outcome="complete" if correction.is_complete else "incomplete",
        model=correction.model,
        processing_s=correction.seconds,
    )
