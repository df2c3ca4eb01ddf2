"""Warnings of a result, one line each."""

from murmur.cli import notes


def test_a_warning_has_its_time_where_it_has_one() -> None:
    warnings = [
        {"code": "a", "message": "of the whole", "start": None, "end": None},
        {"code": "b", "message": "of a part", "start": 1.5, "end": 2.25},
        {"code": "c", "message": "from here on", "start": 60.0, "end": None},
    ]
    assert notes.lines({"result": {"warnings": warnings}}) == [
        "of the whole",
        "1.50 - 2.25 s: of a part",
        "60.00 s: from here on",
    ]


def test_a_job_without_a_result_has_none() -> None:
    assert notes.lines({"state": "STARTED"}) == []
    assert notes.lines({"result": {}}) == [], "of a gateway of an earlier version"
