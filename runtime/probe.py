"""The interface of a probe: looks at a media file's header before a job for it is queued.

Used by gateway and intake. The application gives them one that reads the file in a decoder process of its own, since no other
process opens what a stranger has sent.
"""

from typing import BinaryIO, Protocol

from schemas.audio import ProbedAudio
from schemas.options import SlicingOptions


class Probe(Protocol):
    """Safe from many threads."""

    def start(self) -> None:
        """Prepares for the first file, in the background. Never required, and safe to repeat."""

    def __call__(self, file: BinaryIO, options: SlicingOptions) -> ProbedAudio | None:
        """Blocks for less than a second, unless reading the file does; reads a small part of it, and leaves it open. None:
        nothing is known of the file, so it has to be accepted. Raises Invalid if the slicer would certainly refuse the file,
        with the same reason."""

    def close(self) -> None:
        """Idempotent."""
