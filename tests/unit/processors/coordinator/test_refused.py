"""A file that intake has found unusable: its job fails at once, and nobody works on it."""

from schemas.jobs import JobChanged
from schemas.record import Failure
from tests.unit.processors.coordinator.test_decide import World, requested

REFUSED = Failure(reason="unsupported", message="this is not audio")


def test_a_refused_job_fails_at_once_and_exactly_once() -> None:
    world = World()
    _, outputs = world.see(requested("letter", refused=REFUSED))
    (ended,) = outputs
    assert isinstance(ended, JobChanged)
    assert (ended.state, ended.error) == ("FAILURE", REFUSED)
    _, repeated = world.see(requested("letter", refused=REFUSED))
    assert repeated == []
