"""Which texts of the model nobody spoke, and why: each filter is an option, and its name the reason of a removal. Pure.

Fed by `windows` with what the model wrote for a window. A filter needs evidence in the text and, unless the text is no text at
all, evidence against speech: what people may really say is not removed for its words alone.
"""

from collections.abc import Sequence
from itertools import pairwise

from processors.transcriber import guard, phantoms, scripts
from processors.transcriber.engine import WindowText
from processors.transcriber.sound import Sound
from schemas.options import DecodingOptions, Filter
from schemas.segment import RemovedSegment, Segment

# Whisper's own rule lets a third of noises through where the model has a high no-speech probability but writes a confident word.
SURELY_NO_SPEECH = 0.95
UNSURE_WINDOW_S = 1.0  # a part of a sentence, in a window shorter than this, often has a high no-speech probability
OTHER_SCRIPT_SHARE = 0.5  # names and abbreviations are written in another script than their sentence
COPIES = 4  # the same segment so often in a row


def of_window(text: WindowText, duration_s: float, options: DecodingOptions) -> Filter | None:
    """Why none of a window's text was spoken. The window lasts `duration_s`."""
    written = [*text.segments, *([text.tail] if text.tail else [])]
    whole = text.whole
    if "silence" in options.filters and written and _no_speech(written[0], whole, duration_s, options):
        return "silence"
    if "repetition" in options.filters and guard.impossible(whole, duration_s):
        return "repetition"
    return None


def sifted(
    written: Sequence[Segment], sound: Sound, options: DecodingOptions, of_window: Filter | None
) -> tuple[list[Segment], list[RemovedSegment]]:
    """The segments that stay, and those that do not: none does if there is a reason for the whole window. Times are those of
    `sound`, the chunk's."""
    copied = _copied(written, sound, options)
    kept: list[Segment] = []
    removed: list[RemovedSegment] = []
    for segment, copy in zip(written, copied, strict=True):
        if reason := of_window or _of_segment(segment, sound, options) or copy:
            removed.append(RemovedSegment(start=segment.start, end=segment.end, text=segment.text, reason=reason))
        else:
            kept.append(segment)
    return kept, removed


def _no_speech(segment: Segment, whole: str, duration_s: float, options: DecodingOptions) -> bool:
    """The model reports that there is no speech and is unsure of its text, or is very sure and wrote one word at most."""
    unsure = segment.no_speech_prob > options.no_speech_threshold and segment.avg_logprob < options.log_prob_threshold
    if unsure and duration_s >= UNSURE_WINDOW_S:
        return True
    return segment.no_speech_prob > SURELY_NO_SPEECH and guard.is_one_word(whole)


def _of_segment(segment: Segment, sound: Sound, options: DecodingOptions) -> Filter | None:
    silent = _is_silent(segment, sound, options)
    doubtful = silent or _doubtful(segment, sound, options)
    language = "en" if options.task == "translate" else options.language or segment.language
    found: dict[Filter, bool] = {
        "phantoms": doubtful and phantoms.is_listed(segment.text, language),
        "repetition": _is_repetitive(segment, options) and (doubtful or _is_unspeakable([segment], sound, options)),
        "letters": scripts.letters_share(segment.text) < options.letters_threshold,
        "script": doubtful and scripts.foreign_share(segment.text, language) > OTHER_SCRIPT_SHARE,
        "silence": silent,
    }
    return next((name for name in options.filters if found[name]), None)


def _is_repetitive(segment: Segment, options: DecodingOptions) -> bool:
    return segment.compression_ratio > options.compression_ratio_threshold or guard.loops(segment.text)


def _is_unspeakable(segments: Sequence[Segment], sound: Sound, options: DecodingOptions) -> bool:
    """More words than people speak in the speech under them: people repeat themselves, but not faster than they speak. Where
    speech was not detected nothing speaks for a text that compresses too well."""
    text = " ".join(segment.text for segment in segments)
    if not sound.vad and guard.compression_ratio(text) > options.compression_ratio_threshold:
        return True
    spoken_s = sum(sound.speech_s(segment.start, segment.end) for segment in segments)
    return guard.is_fast(text, spoken_s)


def _is_silent(segment: Segment, sound: Sound, options: DecodingOptions) -> bool:
    """Without detection the level decides, if the model is half as unsure as it would have to be for any text."""
    times, margin_db = (segment.start, segment.end), options.silence_margin_db
    if sound.vad:
        return sound.is_silent(*times, margin_db)
    unsure = segment.no_speech_prob > options.no_speech_threshold / 2 or segment.avg_logprob < options.log_prob_threshold / 2
    return sound.is_silent(*times, margin_db) or (unsure and not sound.may_have_voice(*times, margin_db))


def _doubtful(segment: Segment, sound: Sound, options: DecodingOptions) -> bool:
    """Whether anything speaks against speech: the model's own probabilities, or the speech detector."""
    return (
        segment.no_speech_prob > options.no_speech_threshold
        or segment.avg_logprob < options.log_prob_threshold
        or not sound.is_speech(segment.start, segment.end)
    )


def _copied(written: Sequence[Segment], sound: Sound, options: DecodingOptions) -> list[Filter | None]:
    """`repetition` for many equal neighbours: for those where speech is in doubt, else for all but the first, if together they
    are faster than people speak. Somebody may say a sentence ten times."""
    reasons: list[Filter | None] = [None] * len(written)
    if "repetition" not in options.filters:
        return reasons
    equal = [guard.words(a.text) == guard.words(b.text) for a, b in pairwise(written)]
    begin = 0
    for at in range(1, len(written) + 1):
        if at < len(written) and equal[at - 1]:
            continue
        copies = written[begin:at]
        if len(copies) >= COPIES:
            doubtful = [_doubtful(segment, sound, options) for segment in copies]
            credible = [at for at, doubted in enumerate(doubtful, begin) if not doubted]
            if credible and not _is_unspeakable([written[at] for at in credible], sound, options):
                credible = []
            reasons[begin:at] = ["repetition" if doubted else None for doubted in doubtful]
            for copy in credible[1:]:
                reasons[copy] = "repetition"
        begin = at
    return reasons
