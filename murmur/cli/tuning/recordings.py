"""Files of a folder as passages of a minute or two, which can be cut into chunks repeatedly.

Input of `measuring`. The order of the files is shuffled with a fixed seed, so that a short run covers a sample of them.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from murmur.cli.tuning.figures import Chunk
from runtime.errors import Invalid, UsageError
from runtime.formats import BY_ENDING
from schemas.options import SlicingOptions
from schemas.sound import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from processors.slicer.audio import Decoder, Samples
    from processors.slicer.vad import Session

SEED = 0
PASSAGE_S = 120
SPLIT_WITHIN_S = 10  # a passage ends at the quietest point of its last seconds
QUIET_MS = 300
Skipped = Callable[[Path, str], None]


def files(audio: Path | None) -> list[Path]:
    """Every file in the folder and its subfolders, except hidden ones and transcripts. Raises UsageError when there is none."""
    if audio is None:
        raise UsageError("tune measures with your own recordings: name a folder of them with --audio")
    if not audio.is_dir():
        raise UsageError(f"no such folder: {audio}. Name one that has recordings with --audio")
    found = sorted(path for path in audio.rglob("*") if _is_candidate(path.relative_to(audio)) and path.is_file())
    if not found:
        raise UsageError(f"the folder {audio} is empty: name one that has recordings with --audio")
    random.Random(SEED).shuffle(found)  # noqa: S311  -- an order, not a secret
    return found


def _is_candidate(path: Path) -> bool:
    return path.suffix.removeprefix(".") not in BY_ENDING and not any(part.startswith(".") for part in path.parts)


class Passage:
    """See `figures.Passage`."""

    def __init__(self, samples: "Samples", slicing: SlicingOptions, session: "Session") -> None:
        self._samples, self._slicing, self._session = samples, slicing, session
        self._cut: dict[float, Sequence[Chunk]] = {}

    def chunks(self, max_chunk_s: float) -> Sequence[Chunk]:
        """As the slicer cuts them."""
        from processors.slicer.audio import BLOCK_SAMPLES
        from processors.slicer.region_source import region_source
        from processors.slicer.slicing import cuts

        if max_chunk_s not in self._cut:
            blocks = (self._samples[at : at + BLOCK_SAMPLES] for at in range(0, len(self._samples), BLOCK_SAMPLES))
            options = self._slicing.model_copy(update={"max_chunk_s": max_chunk_s})
            found = cuts(blocks, region_source(self._session, options), max_chunk_s)
            self._cut[max_chunk_s] = [Chunk(cut.pcm, cut.chunk.pieces, cut.chunk.speech) for cut in found]
        return self._cut[max_chunk_s]


class Recordings:
    """Passages with speech: the first of every file, then the next of every file that has more. `skipped` receives each file
    that cannot be read or contains no speech, with the reason."""

    def __init__(
        self, paths: Sequence[Path], slicing: SlicingOptions, max_audio_s: float, decoder: "Decoder", skipped: Skipped
    ) -> None:
        self._paths, self._slicing, self._max_audio_s = paths, slicing, max_audio_s
        self._decoder, self._skipped = decoder, skipped
        self.files = 0  # with at least one passage
        self.silent = 0

    def passages(self) -> Iterator[Passage]:
        from processors.slicer.vad import load_session

        session = load_session()
        waiting = deque(self._of_file(path, session) for path in self._paths)
        while waiting:
            file = waiting.popleft()
            if (passage := next(file, None)) is not None:
                yield passage
                waiting.append(file)

    def _of_file(self, path: Path, session: "Session") -> Iterator[Passage]:
        from processors.slicer.sandbox.process import DecoderDied

        found = 0
        try:
            for samples in self._stretches(path):
                passage = Passage(samples, self._slicing, session)
                if passage.chunks(self._slicing.max_chunk_s):
                    found += 1
                    self.files += found == 1
                    yield passage
        except (Invalid, OSError, DecoderDied) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error).partition("\n")[0]
            self._skipped(path, f"skipped: {reason}")
            return
        if not found:
            self.silent += 1
            self._skipped(path, "skipped: it contains no speech")

    def _stretches(self, path: Path) -> Iterator["Samples"]:
        """Opens the file again for each: a decoder process kept for every long file of a folder would be too many."""
        begin, is_last = 0, False
        while not is_last:
            samples, is_last = self._stretch(path, begin)
            yield samples
            begin += len(samples)

    def _stretch(self, path: Path, begin: int) -> tuple["Samples", bool]:
        """The samples from `begin` on, and whether they are the file's last."""
        import numpy as np

        from processors.slicer.audio import DecodeOptions
        from runtime.effective_options import RAW_FORMATS

        kept = np.empty(0, np.int16)
        at = 0
        options = DecodeOptions(self._max_audio_s, raw_format=RAW_FORMATS.get(path.suffix.lower()))
        with path.open("rb") as file, self._decoder(file, options) as audio:
            for block in audio.blocks():
                kept = np.concatenate([kept, block[max(0, begin - at) :]])
                at += len(block)
                if len(kept) >= PASSAGE_S * SAMPLE_RATE_HZ:
                    return kept[: quietest(kept)], False
        return kept, True


def quietest(samples: "Samples") -> int:
    """The middle of the quietest moment in the last seconds."""
    import numpy as np

    width = QUIET_MS * SAMPLE_RATE_HZ // 1000
    from_ = max(0, len(samples) - SPLIT_WITHIN_S * SAMPLE_RATE_HZ)
    energy = np.cumsum(np.square(samples[from_:].astype(np.float64)))
    return from_ + int(np.argmin(energy[width:] - energy[:-width])) + width // 2
