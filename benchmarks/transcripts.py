"""How complete transcripts are with original Whisper weights: murmur beside faster-whisper's sequential transcription.

`python -m benchmarks.transcripts [PATTERN ...] [--model M ...] [--limit S ...] [--words] [--window full fit] [--margin S]
[--alone] [--differences]`. Files are those of `benchmarks.speech.files` whose name matches a pattern, or audio files with a
text file beside them. faster-whisper's results are kept in a cache outside the checkout: a second run costs murmur's time only.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from itertools import product
from pathlib import Path

from benchmarks.figures import conditions
from benchmarks.speech import comparison, files
from benchmarks.speech.comparison import Row
from benchmarks.speech.faster_whisper_reader import FasterWhisperReader
from benchmarks.speech.murmur_reader import MurmurReader
from benchmarks.speech.reading import Way, beside, read
from benchmarks.speech.recordings import Part, SpeechFile
from schemas.options import EncoderWindow
from scripts import models

WINDOWS: tuple[EncoderWindow, ...] = ("full", "fit")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transcripts", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("patterns", nargs="*", default=["*"], help=f"of {', '.join(files.FILES)}; or FILE.wav with FILE.txt")
    parser.add_argument("--model", nargs="+", default=["tiny.en", "base"], help="a name of scripts.models, or a folder")
    parser.add_argument("--limit", nargs="+", type=float, default=[30.0], metavar="S", help="the longest chunk")
    parser.add_argument("--words", action="store_true", help="read once more with the times of words")
    parser.add_argument("--window", nargs="+", choices=WINDOWS, default=["fit"], help="the encoder's")
    parser.add_argument("--margin", type=float, default=5.0, metavar="S", help="of a fitted window")
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--compute-type", default="int8")
    parser.add_argument("--language", help="instead of the file's own; 'detect': let the model find it")
    parser.add_argument("--alone", action="store_true", help="murmur only")
    parser.add_argument("--differences", action="store_true", help="print what murmur wrote differently, as 'spoken -> written'")
    return parser.parse_args()


def chosen(patterns: Sequence[str]) -> list[SpeechFile]:
    named = [files.get(name) for name in files.FILES if any(fnmatch(name, pattern) for pattern in patterns)]
    return [*named, *(_with_text(Path(pattern)) for pattern in patterns if Path(pattern).is_file())]


def _with_text(path: Path) -> SpeechFile:
    return SpeechFile(path.stem, "en", path.read_bytes(), (Part(0.0, 0.0, path.with_suffix(".txt").read_text()),))


def is_readable(model: str, language: str) -> bool:
    """The English models read English only."""
    return language == "en" or not model.endswith(".en")


def rows(options: argparse.Namespace, speech: Sequence[SpeechFile]) -> Iterator[Row]:
    for model in options.model:
        folder = Path(model) if Path(model).is_dir() else models.path(model)
        murmur = MurmurReader(folder, options.compute_type)
        reference = FasterWhisperReader(folder, options.compute_type)
        for file in speech:
            if not is_readable(folder.name, file.language):
                continue
            for way in ways(options, file):
                _, row = read(murmur, file, way)
                yield row if options.alone else beside(row, reference, file, way)


def ways(options: argparse.Namespace, file: SpeechFile) -> Iterator[Way]:
    language = None if options.language == "detect" else options.language or file.language
    for limit_s, words, window in product(options.limit, [False, True] if options.words else [False], options.window):
        yield Way(language, limit_s, words, window, options.margin, beam_size=options.beam)


def show(found: Iterable[Row], differences: bool) -> None:
    """Each row as soon as it is there; the totals at the end."""
    print(comparison.heading(), flush=True)
    seen = []
    for each in found:
        seen.append(each)
        print(comparison.line(each), flush=True)
        if differences:
            for text in each.murmur.differences:
                print(f"    {text}", flush=True)
    for each in comparison.totals(seen):
        print(comparison.line(each))


def main() -> None:
    options = arguments()
    show(rows(options, chosen(options.patterns)), options.differences)
    print(f"\n{conditions()}; beam {options.beam}, {options.compute_type}, one thread")


if __name__ == "__main__":
    main()
