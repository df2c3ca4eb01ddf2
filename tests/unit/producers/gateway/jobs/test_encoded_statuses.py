"""How long an encoded status is used: while nothing in it has changed. No clock but the test's."""

from uuid import UUID

import pytest

from producers.gateway.jobs.encoded_statuses import ALL_BYTES, FRESH_S, ONE_BYTES, EncodedStatuses

KEY = (UUID(int=1), "", True)


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def statuses(now: list[float]) -> EncodedStatuses[list[str]]:
    return EncodedStatuses(lambda: now[0])


def test_one_is_used_while_job_and_version_are_the_same(statuses: EncodedStatuses[list[str]]) -> None:
    job = ["STARTED"]
    statuses.keep(KEY, job, 1, b"{}", is_final=False)
    assert statuses.get(KEY, job, 1) == b"{}"
    assert statuses.get(KEY, job, 2) is None
    assert statuses.get(KEY, ["STARTED"], 1) is None
    assert statuses.get((KEY[0], "", False), job, 1) is None
    assert statuses.get((KEY[0], "/speech", True), job, 1) is None


def test_the_estimate_of_an_unfinished_job_is_renewed(statuses: EncodedStatuses[list[str]], now: list[float]) -> None:
    job, ended = ["STARTED"], ["SUCCESS"]
    other = (UUID(int=2), "", True)
    statuses.keep(KEY, job, 1, b"{}", is_final=False)
    statuses.keep(other, ended, 1, b"{}", is_final=True)
    now[0] += FRESH_S
    assert (statuses.get(KEY, job, 1), statuses.get(other, ended, 1)) == (None, b"{}")


def test_memory_is_bounded(statuses: EncodedStatuses[list[str]]) -> None:
    job = ["SUCCESS"]
    statuses.keep(KEY, job, 1, bytes(ONE_BYTES + 1), is_final=True)
    assert statuses.get(KEY, job, 1) is None
    for number in range(ALL_BYTES // ONE_BYTES + 1):
        statuses.keep((UUID(int=number), "", True), job, 1, bytes(ONE_BYTES), is_final=True)
    assert statuses.get((UUID(int=0), "", True), job, 1) is None
