"""The texts of a transcript corrected by a language model: in pieces, those that were answered before from the cache.

Fed by `correcting`. A piece whose answer fails keeps its texts, and so does a segment whose correction differs too much.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from processors.corrector.answers import Answers, Question
from processors.corrector.endpoint import Endpoint, EndpointFailed
from processors.corrector.pieces import Nonsense, Piece, is_plausible, parse, pieces
from runtime import metrics
from runtime.identity import digest
from runtime.logs import get_logger
from runtime.setting_types import listed
from runtime.settings import Settings

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ModelCorrected:
    """`rejected`: segments whose answer is not used; `failures`: why pieces have no answer, with how many."""

    texts: tuple[str, ...]
    rejected: int = 0
    failures: tuple[str, ...] = ()


class ModelCorrector:
    def __init__(self, endpoint: Endpoint, answers: Answers, settings: Settings) -> None:
        self.endpoint = endpoint
        self._answers = answers
        self._piece_chars = settings.corrector_piece_chars
        self._max_change = settings.corrector_max_change
        self._languages = frozenset(listed(settings.corrector_languages))
        self._owners = frozenset(listed(settings.corrector_owners))

    def is_for(self, owner: str, language: str | None) -> bool:
        return (not self._owners or owner in self._owners) and (not self._languages or language in self._languages)

    def version(self, owner: str, languages: Sequence[str | None]) -> str | None:
        """None: such a text is not sent."""
        if not any(self.is_for(owner, language) for language in languages):
            return None
        return digest([self.endpoint.version, self._piece_chars, self._max_change])

    async def correct(self, texts: Sequence[str], languages: Sequence[str | None], owner: str, within_s: float) -> ModelCorrected:
        """What is not answered within this time keeps its texts. Raises StoreUnavailable."""
        wanted = [self.is_for(owner, language) for language in languages]
        asked = list(pieces(texts, wanted, self._piece_chars))
        tasks = [asyncio.create_task(self._correct(piece, languages[piece.places[0]], owner)) for piece in asked]
        try:
            done, late = await asyncio.wait(tasks, timeout=max(0.0, within_s)) if tasks else (set(), set())
        finally:
            for task in tasks:
                task.cancel()  # those that have ended stay as they are
        await asyncio.gather(*late, return_exceptions=True)
        return self._combined(texts, [task.result() if task in done else "no answer in time" for task in tasks], asked)

    async def _correct(self, piece: Piece, language: str | None, owner: str) -> tuple[str, ...] | str:
        """The texts of the answer, or why there is none."""
        question = Question(self.endpoint.version, owner, language, piece.texts)
        known = await asyncio.to_thread(self._answers.find, question)
        metrics.CORRECTOR_PIECES.labels("false" if known is None else "true").inc()
        if known is not None:
            return known
        try:
            answer = tuple(parse(await self.endpoint.ask(piece.lines, language), len(piece.texts)))
        except (EndpointFailed, Nonsense) as failure:
            log.warning("corrector.failed", segments=len(piece.texts), error=failure)
            return str(failure)
        await asyncio.to_thread(self._answers.keep, question, answer)
        return answer

    def _combined(self, texts: Sequence[str], answers: Sequence[tuple[str, ...] | str], asked: Sequence[Piece]) -> ModelCorrected:
        new, rejected = list(texts), 0
        for piece, answer in zip(asked, answers, strict=True):
            if isinstance(answer, str):
                continue
            for place, before, after in zip(piece.places, piece.texts, answer, strict=True):
                if is_plausible(before, after, self._max_change):
                    new[place] = after
                else:
                    rejected += 1
        counts = Counter(answer for answer in answers if isinstance(answer, str))
        failures = tuple(f"{why} ({count} of {len(asked)} pieces)" for why, count in counts.items())
        return ModelCorrected(tuple(new), rejected, failures)
