"""The files that transcripts are measured on, by name: natural speech, and what is composed of it. Made on first use."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from benchmarks.speech import compose, recordings, sounds
from benchmarks.speech.recordings import Recording, SpeechFile

# Digits have many spellings; the shortest clips, and phrases that models invent, are tested by themselves.
_LEFT_OUT = ("numbers", "phone", "short-yes", "short-no", "short-hello", "talk", "italian", "gsm", "thanks")
TEMPO, QUIET_DB, NOISE_DB, MUSIC_DB = 1.5, -40.0, 10.0, 10.0


def clips() -> list[Recording]:
    """Natural English, 5-15 s each."""
    found = [recordings.recording(name) for name in recordings.names() if name.partition(".")[0] not in _LEFT_OUT]
    return [clip for clip in found if clip.language == "en"]


def sentences() -> list[Recording]:
    """Those of one part."""
    return [clip for clip in clips() if len(clip.parts) == 1]


def excerpt() -> Recording:
    """A minute of speech with short pauses, for everything that disturbs it."""
    chosen = sentences()[:10]
    return compose.join("excerpt", chosen, compose.pauses(len(chosen) - 1, seed=2, longest_s=2.0))


def _joined(name: str, seed: int, longest_s: float) -> SpeechFile:
    joined = clips()
    return compose.as_wav(compose.join(name, joined, compose.pauses(len(joined) - 1, seed, longest_s=longest_s)))


def _unbroken() -> SpeechFile:
    spoken = [compose.without_pauses(clip) for clip in sentences()[::-1]]
    return compose.as_wav(compose.join("unbroken", spoken, [0.0] * (len(spoken) - 1)))


def _over(name: str, sound: Callable[[float, int], recordings.Samples], ratio_db: float) -> SpeechFile:
    speech = excerpt()
    return _named(name, compose.mixed(speech, sound(speech.duration_s, 5), ratio_db))


def _named(name: str, recording: Recording) -> SpeechFile:
    return compose.as_wav(Recording(name, recording.language, recording.samples, recording.parts))


def _telephone() -> SpeechFile:
    speech = excerpt()
    return compose.as_telephone(Recording("telephone", speech.language, speech.samples, speech.parts))


def _two_languages() -> SpeechFile:
    """English, Italian, English within 30 s, so that a chunk has both."""
    italian = recordings.recording("italian.opus")
    first = italian.parts[0]
    end = round((first.end + 0.2) * recordings.RATE_HZ)
    sentence = Recording("italian", "it", italian.samples[:end], (first,))
    before, after = sentences()[0], sentences()[1]
    return compose.as_wav(compose.join("two-languages", [before, sentence, after], [0.8, 0.8]))


FILES: Mapping[str, Callable[[], SpeechFile]] = {
    "talk": lambda: recordings.file("talk.opus"),
    "pauses": lambda: _joined("pauses", seed=1, longest_s=8.0),
    "unbroken": _unbroken,
    "noise": lambda: _over("noise", sounds.noise, NOISE_DB),
    "music": lambda: _over("music", sounds.music, MUSIC_DB),
    "telephone": _telephone,
    "gsm": lambda: recordings.file("gsm.wav"),
    "quiet": lambda: _named("quiet", compose.louder(excerpt(), QUIET_DB)),
    "fast": lambda: _named("fast", compose.faster(excerpt(), TEMPO)),
    "italian": lambda: recordings.file("italian.opus"),
    "two-languages": _two_languages,
}


@cache
def get(name: str) -> SpeechFile:
    return FILES[name]()


def short() -> Sequence[SpeechFile]:
    return [recordings.file(f"short-{name}.flac") for name in ("yes", "no", "hello")]
