"""The order of the works that are queued: how much audio is before one, which the gateway looks up with every status.

Used by `estimates`, under its lock. Time grows with the logarithm of the number of works.
"""

import heapq
from dataclasses import dataclass

from producers.gateway.view.prefix_sums import PrefixSums
from schemas.record import Lane

SPARE_PLACES = 1000  # of works that have ended, before the sums are made anew


@dataclass(slots=True)
class _Place:
    number: int
    lane: Lane
    audio_s: float
    chunk_s: float


class QueueOrder:
    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}  # oldest first
        self._all, self._short = PrefixSums(), PrefixSums()
        self._long_chunks: list[tuple[float, str]] = []  # a heap, the longest first; also of works that have ended

    def add(self, work_id: str, lane: Lane, audio_s: float, chunk_s: float) -> None:
        """Behind all others. `chunk_s`: the longest chunk that it may have."""
        self._places[work_id] = _Place(self._append(lane, audio_s), lane, audio_s, chunk_s)
        if lane == "bulk":
            heapq.heappush(self._long_chunks, (-chunk_s, work_id))

    def remove(self, work_id: str) -> None:
        place = self._places.pop(work_id)
        self._all.remove(place.number, place.audio_s)
        if place.lane == "interactive":
            self._short.remove(place.number, place.audio_s)
        if len(self._all) > 2 * len(self._places) + SPARE_PLACES:
            self._renumber()

    def ahead_s(self, work_id: str) -> float:
        """The audio of the works that are done before this one: long ones do not delay a short one."""
        place = self._places[work_id]
        return (self._short if place.lane == "interactive" else self._all).before(place.number)

    def in_hand_s(self, work_id: str) -> float:
        """The longest chunk of a long file that a short one may have to wait for; 0: for none."""
        if self._places[work_id].lane == "bulk":
            return 0.0
        while self._long_chunks and not self._is_queued(*self._long_chunks[0]):
            heapq.heappop(self._long_chunks)
        return -self._long_chunks[0][0] if self._long_chunks else 0.0

    def _is_queued(self, chunk_s: float, work_id: str) -> bool:
        place = self._places.get(work_id)
        return place is not None and place.lane == "bulk" and place.chunk_s == -chunk_s

    def _append(self, lane: Lane, audio_s: float) -> int:
        self._short.add(audio_s if lane == "interactive" else 0.0)
        return self._all.add(audio_s)

    def _renumber(self) -> None:
        """Without the places of works that have ended."""
        self._all, self._short = PrefixSums(), PrefixSums()
        for place in self._places.values():
            place.number = self._append(place.lane, place.audio_s)
        self._long_chunks = [(-place.chunk_s, work_id) for work_id, place in self._places.items() if place.lane == "bulk"]
        heapq.heapify(self._long_chunks)
