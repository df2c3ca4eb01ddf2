"""What the view remembers of its file, and when it must not."""

from producers.gateway.view.recent_jobs import RECENT_MAX, RecentJobs


def test_a_job_is_kept_until_it_is_dropped() -> None:
    recent = RecentJobs[str]()
    recent.keep("a", "job a", recent.changes)
    recent.keep("b", "job b", recent.changes)
    recent.drop(["a"])
    assert (recent.get("a"), recent.get("b")) == (None, "job b")
    recent.clear()
    assert recent.get("b") is None


def test_what_was_read_before_a_change_is_not_kept_after_it() -> None:
    recent = RecentJobs[str]()
    before = recent.changes
    recent.drop(["a"])  # while another thread reads the file
    recent.keep("a", "the old state", before)
    assert recent.get("a") is None


def test_the_number_of_jobs_is_bounded() -> None:
    recent = RecentJobs[int]()
    for number in range(RECENT_MAX + 1):
        recent.keep(str(number), number, recent.changes)
    assert (recent.get("0"), recent.get("1")) == (None, 1)
