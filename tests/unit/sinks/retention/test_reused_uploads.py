"""An upload that a gateway may use again stays until the job that names it is known, whatever the settings."""

from typing import Any

import pytest

from runtime.retention import KINDS, MARGIN_S, Limits, kept_upload_reuse_s, upload_reuse_s
from runtime.settings import Settings
from sinks.retention import rules
from sinks.retention.listing import Item

DAY_S = 86_400
NOW_S = 1_800_000_000.0
UPLOADS = next(kind for kind in KINDS if kind.name == "uploads")


def settings_of(uploads_s: int, failed_s: int, size_bytes: int) -> Settings:
    settings: dict[str, Any] = {"retention_uploads_s": uploads_s, "retention_failed_uploads_s": failed_s}
    return Settings(**settings, retention_uploads_bytes=size_bytes)


@pytest.mark.parametrize("size_bytes", [0, 1])
@pytest.mark.parametrize(
    ("uploads_s", "failed_s"), [(DAY_S, 7 * DAY_S), (DAY_S, 3600), (900, 7 * DAY_S), (1, 1), (0, DAY_S), (0, 0)]
)
@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize("since", ["stored", "ended"])
def test_it_stays_for_a_margin_after_it_was_used_again_last(
    since: str, failed: bool, uploads_s: int, failed_s: int, size_bytes: int
) -> None:
    settings = settings_of(uploads_s, failed_s, size_bytes)
    limits = Limits.of(UPLOADS, settings)
    reused_s = NOW_S - MARGIN_S + 1  # by a submission whose job is not known yet
    if since == "stored":
        stored_s = reused_s - min(upload_reuse_s(settings), 1e9)
        item = Item("work/uploads/x", 1, 10, stored_s, released_s=NOW_S - rules.RELEASE_S - 1)
    else:
        ended_s = reused_s - min(kept_upload_reuse_s(settings), 1e9)
        item = Item("work/uploads/x", 1, 10, 0.0, failed=failed, ended_s=ended_s)
    assert not rules.may_go("uploads", item, limits, NOW_S)
    assert rules.due("uploads", item, limits, NOW_S) is None


@pytest.mark.parametrize(
    ("uploads_s", "failed_s", "size_bytes", "reuse_s"),
    [
        (DAY_S, 7 * DAY_S, 0, DAY_S - MARGIN_S),
        (DAY_S, 7200, 0, 7200 - MARGIN_S),
        (600, 0, 0, 300.0),
        (DAY_S, 7 * DAY_S, 1, 3600.0),
    ],
)
def test_it_is_used_again_as_long_as_its_last_job_keeps_it(
    uploads_s: int, failed_s: int, size_bytes: int, reuse_s: float
) -> None:
    assert kept_upload_reuse_s(settings_of(uploads_s, failed_s, size_bytes)) == reuse_s


def test_without_an_age_it_is_used_again_as_long_as_a_job_has_it() -> None:
    settings = settings_of(0, 0, 0)
    limits = Limits.of(UPLOADS, settings)
    ended = Item("work/uploads/x", 1, 10, 0.0, ended_s=0.0)
    assert kept_upload_reuse_s(settings) == float("inf")
    assert rules.is_held("uploads", ended, limits, NOW_S)
