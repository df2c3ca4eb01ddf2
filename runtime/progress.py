"""How far a work is and how fast it goes, from the records of `progress`. Pure. The status of a job and its webhooks show it."""

from dataclasses import dataclass

from schemas.work import WorkProgressed


def figures(fraction: float | None, total_s: float | None, left_s: float | None) -> dict[str, float | None]:
    """As documents have them. `total_s`: the length of the audio."""
    return {
        "fraction": fraction,
        "processed_s": None if fraction is None or total_s is None else round(fraction * total_s, 3),
        "total_s": total_s,
        "eta_s": None if left_s is None else round(left_s, 1),
    }


@dataclass(slots=True)
class Pace:
    """Of one run. `first`, `last`: share and time of the first and last event; `share`: the largest."""

    run: str
    first: tuple[float, float]
    last: tuple[float, float]
    share: float = 0.0

    @classmethod
    def since(cls, event: WorkProgressed, at_s: float) -> "Pace":
        return cls(event.run, (event.share, at_s), (event.share, at_s), event.share)

    def note(self, event: WorkProgressed, at_s: float) -> None:
        """`at_s`: when it was written."""
        self.last = (event.share, at_s)
        self.share = max(self.share, event.share)

    @property
    def left_s(self) -> float | None:
        """Seconds until the end at the speed so far; None while that is not known."""
        (share, since_s), (_, until_s) = self.first, self.last
        done, took_s = self.share - share, until_s - since_s
        return took_s * (1 - self.share) / done if done > 0 and took_s > 0 else None
