"""Finds language changes in a window. Pure: `detect` runs the model on a stretch of it.

Fed by `whisper.py` for windows whose language is not given. One encoder pass serves every question: the model is asked about
slices of what it has encoded.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from processors.transcriber.engine import LanguagePart
from schemas.sound import SAMPLE_RATE_HZ

SECTION_S = 3.0  # detection is unreliable on shorter stretches
SURE = 0.9  # minimum probability; less certain sections get their neighbour's language
Detect = Callable[[int, int], Mapping[str, float]]  # first and last sample -> language: probability


def parts(pauses: Sequence[int], samples: int, detect: Detect) -> tuple[LanguagePart, ...]:
    """The stretches in one language each, cut at pauses; empty when the model is not sure of more than one language."""
    runs = _runs([(span, _best(detect(*span))) for span in _sections(pauses, samples)])
    if len(runs) < 2:
        return ()
    bounds = [0]
    for (before, first), (after, second) in pairwise(runs):
        cuts = [at for at in pauses if before[0] < at < after[1] and at > bounds[-1]]

        def fit(cut: int, start: int = before[0], end: int = after[1], first: str = first, second: str = second) -> float:
            return detect(start, cut).get(first, 0.0) + detect(cut, end).get(second, 0.0)

        bounds.append(max(cuts, key=fit))
    bounds.append(samples)
    return tuple(
        LanguagePart(start, end, language, detect(start, end).get(language, 0.0))
        for start, end, (_, language) in zip(bounds, bounds[1:], runs, strict=False)
    )


def _sections(pauses: Sequence[int], samples: int) -> list[tuple[int, int]]:
    """The window cut at pauses into stretches that are long enough for detection."""
    least = int(SECTION_S * SAMPLE_RATE_HZ)
    bounds = [0]
    for at in pauses:
        if at - bounds[-1] >= least and samples - at >= least:
            bounds.append(at)
    bounds.append(samples)
    return list(pairwise(bounds))


def _best(probabilities: Mapping[str, float]) -> str | None:
    language = max(probabilities, key=lambda name: probabilities[name])
    return language if probabilities[language] >= SURE else None


def _runs(sections: Sequence[tuple[tuple[int, int], str | None]]) -> list[tuple[tuple[int, int], str]]:
    """Neighbours in the same language together; a section that is not sure joins the one before it (the first: the next)."""
    runs: list[tuple[tuple[int, int], str]] = []
    begin = 0
    for (start, end), language in sections:
        if runs and language in (None, runs[-1][1]):
            runs[-1] = ((runs[-1][0][0], end), runs[-1][1])
        elif language is not None:
            runs.append(((start if runs else begin, end), language))
    return runs
