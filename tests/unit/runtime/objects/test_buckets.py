"""`murmur buckets apply` where the store is a folder. On real stores: tests/services/test_buckets.py."""

from pathlib import Path

from runtime.objects import buckets
from runtime.settings import Settings


def test_a_folder_store_gets_its_folders_once(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, store="directory", store_dir=tmp_path / "store", uploads_bucket="drops")
    first, second = buckets.apply(settings), buckets.apply(settings)
    assert first.created == second.present == ("drops", "work", "results")
    assert first.present == second.created == second.by_hand == ()
    assert all((tmp_path / "store" / name).is_dir() for name in ("drops", "work", "results"))


def test_a_bucket_with_two_roles_is_made_once(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, store="directory", store_dir=tmp_path, work_bucket="one", results_bucket="one")
    assert buckets.apply(settings).created == ("uploads", "one")


def test_a_report_lists_what_was_done_and_what_is_left() -> None:
    report = buckets.Report(("a",), ("b",), "a announces", ("point the store at the topic",))
    assert report.lines() == [
        "bucket a: created",
        "bucket b: exists",
        "notification: a announces",
        "by hand: point the store at the topic",
    ]
