"""Conclusions from the figures: the best settings for these recordings on this machine, as text and as lines to copy. Pure.

Input from `measuring`, shown by `report`. A model's defaults are kept unless something else is clearly better.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from murmur.cli.tuning.figures import FULL, EncoderChoice, Figure, Measured, SideBySide
from murmur.word_errors import Score
from runtime.models.catalogue import FITTED_MARGIN_S

WORDS_MIN = 200  # fewer are not enough to decide
WORDS_FOR_RATE = 500  # with fewer, one word is more than the allowed rate
DIFFERENT_MAX = 0.002  # of the words
WORTHWHILE = 0.9  # a higher ratio of costs is not a gain
SAME_CORES = 0.95


@dataclass(frozen=True, slots=True)
class Defaults:
    """The model's defaults. `replicas`: None on a GPU, where their number cannot be set."""

    encoder: EncoderChoice
    max_chunk_s: float
    replicas: int | None

    @property
    def cost(self) -> str:
        """The cost by which settings are compared."""
        return "time" if self.replicas is None else "CPU"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`sentences`: one for each measurement. `settings`: those that differ from the defaults, by variable."""

    encoder: EncoderChoice
    sentences: tuple[str, ...]
    settings: dict[str, str]


def agrees(difference: Score) -> bool:
    """So few words differ that the texts count as equal."""
    return difference.errors <= (difference.words * DIFFERENT_MAX if difference.words >= WORDS_FOR_RATE else 1)


def is_judged(words: int) -> bool:
    return words >= WORDS_MIN


def best_encoder(windows: Mapping[EncoderChoice, Figure], default: EncoderChoice) -> EncoderChoice:
    """One that agrees with `full`: the default or a wide margin, unless the cheapest saves another tenth of `full`'s cost.
    A narrow margin fails on a few passages, which a short measurement may miss."""
    full = windows[FULL]
    if not is_judged(full.difference.words):
        return default
    good = [choice for choice in windows if choice != FULL and _is_good(windows, choice, default)]
    if not good:
        return FULL
    preferred = (default, EncoderChoice("fit", FITTED_MARGIN_S), max(good, key=lambda choice: choice.margin_s))
    usual = next(choice for choice in preferred if choice in good)
    cheapest = min(good, key=lambda choice: windows[choice].cost_s)
    saved_s = windows[usual].cost_s - windows[cheapest].cost_s
    return cheapest if saved_s > (1 - WORTHWHILE) * windows[FULL].cost_s else usual


def _is_good(windows: Mapping[EncoderChoice, Figure], choice: EncoderChoice, default: EncoderChoice) -> bool:
    """The default does not have to be cheaper."""
    return agrees(windows[choice].difference) and (choice == default or _is_cheaper(windows[choice], windows[FULL]))


def best_limit(limits: Mapping[float, Figure], default_s: float) -> float:
    """The cheapest that agrees with the default's text and costs clearly less."""
    if not limits or not is_judged(limits[default_s].difference.words):
        return default_s
    good = [limit for limit in limits if agrees(limits[limit].difference) and _is_cheaper(limits[limit], limits[default_s])]
    return min(good, key=lambda limit: limits[limit].cost_s, default=default_s)


def best_replicas(replicas: Mapping[int, SideBySide], default: int | None) -> int | None:
    """The default, one for each core, unless fewer are clearly faster."""
    if default is None or default not in replicas or _is_disturbed(replicas, default):
        return default
    fastest = _fastest(replicas)
    return fastest if replicas[default].speed < WORTHWHILE * replicas[fastest].speed else default


def _fastest(replicas: Mapping[int, SideBySide]) -> int:
    return max(replicas, key=lambda count: replicas[count].speed)


def _is_disturbed(replicas: Mapping[int, SideBySide], default: int) -> bool:
    """More threads got less CPU than the fastest run: something else was using it in the meantime."""
    return replicas[default].cores < SAME_CORES * replicas[_fastest(replicas)].cores


def _is_cheaper(figure: Figure, reference: Figure) -> bool:
    return figure.cost_s < WORTHWHILE * reference.cost_s


def of(measured: Measured, default: Defaults) -> Verdict:
    encoder = best_encoder(measured.windows, default.encoder)
    limit_s = best_limit(measured.chunk_limits, default.max_chunk_s)
    replicas = best_replicas(measured.replicas, default.replicas)
    sentences = (
        _on_windows(measured, encoder, default.cost),
        _on_limits(measured.chunk_limits, limit_s, default),
        _on_replicas(measured.replicas, replicas),
    )
    chosen = {
        "MURMUR_ENCODER_WINDOW": (encoder.window, default.encoder.window),
        "MURMUR_ENCODER_MARGIN_S": (encoder.margin_s, default.encoder.margin_s if encoder.window == "fit" else encoder.margin_s),
        "MURMUR_MODEL_REPLICAS": (replicas, default.replicas),
        "MURMUR_MAX_CHUNK_S": (limit_s, default.max_chunk_s),
    }
    settings = {
        name: value if isinstance(value, str) else f"{value:g}" for name, (value, usual) in chosen.items() if value != usual
    }
    return Verdict(encoder, sentences, settings)


def _on_windows(measured: Measured, best: EncoderChoice, cost: str) -> str:
    windows, full = measured.windows, measured.windows[FULL]
    words = full.difference.words
    if not is_judged(words):
        return f"Too little speech to compare encoder windows: {_too_few(words)}. {_way_out(measured)}"
    if best != FULL:
        return f"Use fit with a margin of {best.margin_s:g} s: it {_writes(windows[best], full)} {cost} of full."
    nearest = min((choice for choice in windows if choice != FULL), key=lambda choice: windows[choice].difference.errors)
    if not agrees(windows[nearest].difference):
        changed = share(windows[nearest].difference)
        return f"Use full: fit changes {changed} of the words, even with the best margin, {nearest.margin_s:g} s."
    return f"Use full: fit {_writes(windows[nearest], full)} {cost}, which is too little gain."


def _on_limits(limits: Mapping[float, Figure], best_s: float, default: Defaults) -> str:
    default_s = default.max_chunk_s
    if not limits:
        return "Chunk limits were not measured: the time was too short. Increase --minutes."
    words = limits[default_s].difference.words
    if not is_judged(words):
        return f"Too little speech to compare chunk limits: {_too_few(words)}."
    if best_s == default_s:
        return f"Use chunks of at most {default_s:g} s: no other limit gives the same words for clearly less."
    effect = _writes(limits[best_s], limits[default_s])
    return f"Use chunks of at most {best_s:g} s: that {effect} {default.cost} of {default_s:g} s."


def _on_replicas(replicas: Mapping[int, SideBySide], best: int | None) -> str:
    if best is None:
        return "Replicas were not measured: their number applies to CPUs only."
    if best not in replicas:
        return "Replicas were not measured: the time was too short. Increase --minutes."
    if _is_disturbed(replicas, best):
        return "Replicas cannot be compared: something else used the CPU in the meantime. Measure again on a quiet machine."
    noun = "replica transcribes" if best == 1 else "replicas transcribe"
    gain = f", {replicas[best].speed / replicas[1].speed:.1f} times as much as one" if best > 1 else ""
    return f"{best} {noun} {replicas[best].speed:.1f} s of speech per second{gain}."


def _too_few(words: int) -> str:
    return f"{words} words, at least {WORDS_MIN} are needed"


def _way_out(measured: Measured) -> str:
    return "All recordings were used: add more." if measured.is_all else "Increase --minutes."


def _writes(figure: Figure, reference: Figure) -> str:
    changed = figure.difference.errors
    effect = f"changes {changed} of {figure.difference.words} words" if changed else "gives the same words"
    return f"{effect} for {figure.cost_s / reference.cost_s:.2f} of the"


def share(difference: Score) -> str:
    return f"{difference.error_rate * 100:.2f} %"
