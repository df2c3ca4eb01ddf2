"""The records of one partition that are in flight, and the offset that may be committed: the first that is not settled.

Pure. The commit's metadata has what the next owner needs for the records that are still in flight: how often work on each
has begun, and the handler's checkpoint. It is written before work starts, so that a crash of the worker is counted.
"""

import json

METADATA_MAX_BYTES = 4096  # the broker's default offset.metadata.max.bytes


class Window:
    """`metadata`: what the last owner of the partition committed."""

    def __init__(self, metadata: str | None = None) -> None:
        self._attempts, self._checkpoints = _parse(metadata)
        self._in_flight: dict[int, bool] = {}  # offset -> has work on it begun
        self._next: int | None = None

    def add(self, offset: int) -> tuple[int, str | None]:
        """Adds a record to those in flight; offsets only grow. Returns its earlier attempts and its checkpoint."""
        self._in_flight[offset] = False
        self._next = offset + 1
        return self._attempts.get(offset, 0), self._checkpoints.get(offset)

    def begin(self, offset: int) -> None:
        self._in_flight[offset] = True

    def set_checkpoint(self, offset: int, text: str) -> None:
        if offset in self._in_flight:
            self._checkpoints[offset] = text

    def settle(self, offset: int) -> None:
        """Removes the record. Settling twice is not an error."""
        self._in_flight.pop(offset, None)
        self._attempts.pop(offset, None)
        self._checkpoints.pop(offset, None)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def position(self) -> int | None:
        """The offset to commit; None before the first record."""
        return min(self._in_flight, default=self._next)

    def metadata(self, *, leaving: bool = False) -> str:
        """`leaving`: a clean shutdown, in which records in flight are not counted as crashes."""
        begun = {o for o, begun in self._in_flight.items() if begun and not leaving}
        attempts = {o: self._attempts.get(o, 0) + (o in begun) for o in self._in_flight}
        attempts = {o: count for o, count in attempts.items() if count}
        checkpoints = {o: text for o, text in self._checkpoints.items() if o in self._in_flight}
        for kept in (checkpoints, {}):
            text = json.dumps({"attempts": attempts, "notes": kept}, separators=(",", ":")) if attempts or kept else ""
            if len(text.encode()) <= METADATA_MAX_BYTES:
                return text
        raise ValueError(f"{len(self._in_flight)} records in flight are too many for the metadata of one commit")


def _parse(metadata: str | None) -> tuple[dict[int, int], dict[int, str]]:
    """Metadata that another program wrote counts as none."""
    try:
        data = json.loads(metadata or "{}")
        return (
            {int(offset): int(count) for offset, count in data.get("attempts", {}).items()},
            {int(offset): str(checkpoint) for offset, checkpoint in data.get("notes", {}).items()},
        )
    except (ValueError, AttributeError):
        return {}, {}
