"""Statistics that the metrics sink publishes every few seconds. One record per name; the newest one is valid.

The sink counts each partition of `jobs` on its own, so readers of `stats` add up over the names that begin with `jobs/`.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.jobs import State
from schemas.record import Lane, Record, Time, Value

WindowName = Literal["minute", "hour", "day"]


class JobTotals(Value):
    """Sums over jobs. Consumers compute means and ratios, since only sums can be added up."""

    jobs: int = 0
    audio_s: float = Field(0.0, description="length of the audio of jobs that succeeded")
    waited: int = Field(0, description="jobs of which is known when they were started")
    wait_s: float = Field(0.0, description="from submitted to started, of those that are counted in `waited`")
    worked_audio_s: float = Field(0.0, description="the part of audio_s that was really transcribed, not found in the cache")
    worked_s: float = Field(0.0, description="from started to ended, of the jobs in worked_audio_s")
    cache_hits: int = 0


class JobSeries(JobTotals):
    """The totals of one kind of job within one window that ends now. A job counts once, by its newest state."""

    window: WindowName
    state: State
    lane: Lane | None = Field(description="that was chosen for the chunks; None: none was, as for an answer from the cache")
    model: str
    owner: str


class JobFigures(Value):
    """For one partition of `jobs`: all windows, and the jobs that have started but not ended."""

    kind: Literal["jobs"] = "jobs"
    partition: int
    series: tuple[JobSeries, ...] = ()
    started: int = 0
    oldest_submitted_at: Time | None = Field(None, description="of the jobs counted in `started`")


class QueueFigures(Value):
    """Records that the consuming stages have not settled yet, for the whole installation."""

    kind: Literal["queue"] = "queue"
    queued_audio_s: dict[Lane, float] = Field(description="speech cut into chunks and not yet transcribed, by lane")
    oldest_waiting_since: Time | None = Field(None, description="of the requests, decodes and chunks that nobody has settled")


class StatsPublished(Record):
    """`stats`: figures under a name, written when they changed and at least once a minute."""

    TYPE: ClassVar[str] = "stats"

    name: str
    at: Time
    figures: Annotated[JobFigures | QueueFigures, Field(discriminator="kind")]

    @property
    def event_id(self) -> str:
        return f"{self.name}@{self.at.isoformat()}"

    @property
    def subject(self) -> str:
        return self.name
