"""The texts of a transcript corrected by a language model: in pieces, those that were answered before from the cache.

Fed by `correcting`. A piece whose answer fails keeps its texts, and so does a segment whose correction differs too much: it is
asked for again the next time.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from processors.corrector.answers import Answers, Origin, Question, Texts
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


@dataclass(frozen=True, slots=True)
class Answered:
    """Of a piece: None for each text without a usable correction; `failure`: why there is no answer."""

    texts: Texts
    failure: str | None = None


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

    async def correct(
        self, texts: Sequence[str], languages: Sequence[str | None], origin: Origin, within_s: float
    ) -> ModelCorrected:
        """What is not answered within this time keeps its texts. Raises StoreUnavailable."""
        wanted = [self.is_for(origin.owner, language) for language in languages]
        asked = list(pieces(texts, wanted, self._piece_chars))
        tasks = [asyncio.create_task(self._correct(piece, languages[piece.places[0]], origin)) for piece in asked]
        try:
            done, late = await asyncio.wait(tasks, timeout=max(0.0, within_s)) if tasks else (set(), set())
        finally:
            for task in tasks:
                task.cancel()  # those that have ended stay as they are
        await asyncio.gather(*late, return_exceptions=True)
        in_time = [task.result() if task in done else Answered((), "no answer in time") for task in tasks]
        return _combined(texts, in_time, asked)

    async def _correct(self, piece: Piece, language: str | None, origin: Origin) -> Answered:
        """Asks only for what is not in the cache."""
        question = Question(self.endpoint.version, origin.owner, language, piece.texts)
        known = self._usable(piece.texts, await asyncio.to_thread(self._answers.find, question))
        places = tuple(place for place, text in enumerate(known) if text is None)
        metrics.CORRECTOR_PIECES.labels("false" if places else "true").inc()
        if not places:
            return Answered(known)
        asked = Piece(places, tuple(piece.texts[place] for place in places))
        try:
            answer = parse(await self.endpoint.ask(asked.lines, language), len(places))
        except (EndpointFailed, Nonsense) as failure:
            log.warning("corrector.failed", segments=len(places), error=failure)
            return Answered(known, str(failure))
        new = dict(zip(places, self._usable(asked.texts, answer), strict=True))
        texts = tuple(new.get(place, text) for place, text in enumerate(known))
        if texts != known:
            await asyncio.to_thread(self._answers.keep, question, origin.work_id, texts)
        return Answered(texts)

    def _usable(self, before: Sequence[str], after: Sequence[str | None]) -> Texts:
        pairs = zip(before, after, strict=True)
        return tuple(new if new is not None and is_plausible(old, new, self._max_change) else None for old, new in pairs)


def _combined(texts: Sequence[str], answers: Sequence[Answered], asked: Sequence[Piece]) -> ModelCorrected:
    new, rejected = list(texts), 0
    for piece, answer in zip(asked, answers, strict=True):
        for place, text in zip(piece.places, answer.texts, strict=False):  # a late one has none
            if text is not None:
                new[place] = text
            else:
                rejected += answer.failure is None
    counts = Counter(answer.failure for answer in answers if answer.failure is not None)
    failures = tuple(f"{why} ({count} of {len(asked)} pieces)" for why, count in counts.items())
    return ModelCorrected(tuple(new), rejected, failures)
