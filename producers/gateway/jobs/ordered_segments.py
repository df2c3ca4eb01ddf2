"""The segments of a work in order of time, as far as they are complete, and how far a client has them.

Chunks are finished in any order. A segment is in order once every chunk before its own is finished. A position does not depend on
when chunks arrived: any gateway continues at the position that another one gave out. Pure.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.segment import Segment

DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class Position:
    """How many segments a client has, and a digest of them: those of another run of the work may be different ones."""

    count: int = 0
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.count}.{self.digest}" if self.count else "0"

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        """None: no position was ever written like this."""
        count, _, digest = text.partition(".")
        if not (count.isascii() and count.isdigit() and len(count) < 10):
            return None
        return cls(int(count), digest) if int(count) else cls()

    def after(self, segment: Segment) -> "Position":
        what = f"{self.digest}\n{segment.start!r} {segment.end!r} {segment.text}".encode(errors="surrogatepass")
        return Position(self.count + 1, hashlib.blake2b(what, digest_size=DIGEST_BYTES).hexdigest())


@dataclass(frozen=True, slots=True)
class Following:
    """What a client gets next. `again`: what it has are no longer the segments of the work, and these are from the start."""

    segments: tuple[Segment, ...]
    position: Position
    again: bool = False


class OrderedSegments:
    """Grows at its end."""

    def __init__(self, segments: Iterable[Segment] = ()) -> None:
        self._segments: list[Segment] = []
        self._positions = [Position()]
        self.extend(segments)

    def extend(self, segments: Iterable[Segment]) -> None:
        for segment in segments:
            self._segments.append(segment)
            self._positions.append(self._positions[-1].after(segment))

    def __len__(self) -> int:
        return len(self._segments)

    def following(self, position: Position, *, complete: bool, until: int | None = None) -> Following:
        """Those after `position`, as far as the first `until` go. A client that has more than there are here gets nothing, since
        they may still come; if these are `complete`, all again."""
        if position.count < len(self._positions):
            if self._positions[position.count] == position:
                end = max(position.count, len(self) if until is None else until)
                return Following(tuple(self._segments[position.count : end]), self._positions[end])
        elif not complete:
            return Following((), position)
        return Following(tuple(self._segments), self._positions[-1], again=True)
