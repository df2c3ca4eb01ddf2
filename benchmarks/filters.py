"""What models invent over sound without speech, and what the filters remove: precision and recall, with original weights.

`python -m benchmarks.filters [PATTERN ...] [--model M ...] [--minutes N] [--detection on off] [--alone] [--texts]`. First the
sounds of `benchmarks.speech.sounds`, N minutes in all; then the speech of `benchmarks.speech.files`, of which nothing may be
removed. Both with and without speech detection. Beside it the words that faster-whisper invents: with its speech detection, and
without it with its own filter (`hallucination_silence_threshold`).
"""

import argparse
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import partial

from benchmarks.figures import conditions
from benchmarks.speech import compose, files, inventions, recordings, sounds
from benchmarks.speech.faster_whisper_reader import FasterWhisperReader
from benchmarks.speech.inventions import Inventions
from benchmarks.speech.murmur_reader import MurmurReader
from benchmarks.speech.reading import Way, read
from benchmarks.speech.recordings import SpeechFile
from murmur.word_errors import score
from scripts import models

SEED = 3
SPEECH = "speech:"  # before the names of files with speech


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.filters", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("patterns", nargs="*", default=["*"], help=f"of {', '.join(sounds.SOUNDS)}, {SPEECH}NAME")
    parser.add_argument("--model", nargs="+", default=["tiny.en", "base"], help="a name of scripts.models")
    parser.add_argument("--minutes", type=float, default=10.0, help="of sound without speech")
    parser.add_argument("--detection", nargs="+", choices=("on", "off"), default=["on", "off"])
    parser.add_argument("--language", default="en", help="'detect': let the model find it")
    parser.add_argument("--alone", action="store_true", help="murmur only")
    parser.add_argument("--texts", action="store_true", help="print what was removed and what is left over sounds")
    return parser.parse_args()


def corpus(options: argparse.Namespace) -> Iterator[SpeechFile]:
    duration_s = options.minutes * 60 / len(sounds.SOUNDS)
    made: dict[str, Callable[[], SpeechFile]] = {
        **{name: partial(silent, name, duration_s) for name in sounds.SOUNDS},
        **{f"{SPEECH}{name}": partial(files.get, name) for name in files.FILES},
        **{f"{SPEECH}{name}": partial(recordings.file, name) for name in recordings.names()},
    }
    for name, make in made.items():
        if any(fnmatch(name, pattern) for pattern in options.patterns):
            yield make()


def silent(name: str, duration_s: float) -> SpeechFile:
    """A sound in which nobody speaks."""
    return SpeechFile(name, "en", compose.pcm_wav(sounds.SOUNDS[name](duration_s, SEED)), ())


def rows(options: argparse.Namespace, model: str) -> Iterator[tuple[str, ...]]:
    folder = models.path(model)
    murmur, other = MurmurReader(folder), FasterWhisperReader(folder)
    for detection in options.detection:
        total = Inventions()
        theirs = 0
        for file in corpus(options):
            if model.endswith(".en") and file.language != "en":
                continue
            language = None if options.language == "detect" else file.language
            transcript, _ = read(murmur, file, Way(language, vad=detection == "on"))
            found = inventions.count(file, transcript)
            reference = None
            if not options.alone:
                reference = score(file.text, other.transcribe(file.data, language, vad=detection == "on").text).invented
                theirs += reference
            if options.texts and not file.parts:
                print(*(f"  {each.reason}: {each.text}" for each in transcript.removed), f"  left: {transcript.text}", sep="\n")
            total += found
            yield inventions.cells(model, detection, file.name, found, reference)
        yield inventions.cells(model, detection, "all", total, None if options.alone else theirs)
        print(f"{model}, detection {detection}: precision {total.precision:.3f}, recall {total.recall:.3f}")


def main() -> None:
    options = arguments()
    print(f"{conditions()}\n\n{inventions.heading()}")
    for model in options.model:
        for row in rows(options, model):
            print(inventions.line(row), flush=True)


if __name__ == "__main__":
    main()
