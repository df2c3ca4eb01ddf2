"""Progress in memory: repeats, runs, and bounds."""

from producers.gateway.progress import Progress, ProgressBook
from schemas.segment import Segment
from schemas.work import Span, WorkProgressed

WORK = "a" * 64


def segment(text: str, start: float = 0.0) -> Segment:
    return Segment(start=start, end=start + 1, text=text)


def progressed(span: Span, share: float, text: str, run: str = "0-1", work_id: str = WORK) -> WorkProgressed:
    return WorkProgressed(work_id=work_id, run=run, span=span, share=share, segments=(segment(text, span[0] / 16000),))


def texts(progress: Progress) -> list[str]:
    return [segment.text for segment in progress.segments]


def test_segments_stand_in_the_order_of_the_file_whenever_they_come() -> None:
    book = ProgressBook()
    book.note(progressed((160_000, 320_000), 0.5, "second"))
    book.note(progressed((0, 160_000), 1.0, "first"))

    assert texts(book.of(WORK)) == ["first", "second"]
    assert book.of(WORK).share == 1.0


def test_a_chunk_reported_twice_is_there_once_with_its_last_text() -> None:
    book = ProgressBook()
    book.note(progressed((0, 160_000), 0.5, "ola"))
    book.note(progressed((0, 160_000), 0.5, "olá"))

    assert texts(book.of(WORK)) == ["olá"]


def test_a_new_run_starts_from_the_beginning() -> None:
    book = ProgressBook()
    book.note(progressed((0, 160_000), 0.9, "old"))
    book.note(progressed((0, 80_000), 0.1, "new", run="0-7"))

    assert book.of(WORK) == Progress(0.1, (segment("new"),))


def test_only_what_was_not_seen_is_new() -> None:
    book, seen = ProgressBook(), set[Span]()
    book.note(progressed((0, 160_000), 0.3, "one"))
    assert [segment.text for segment in book.new(WORK, seen)] == ["one"]

    book.note(progressed((160_000, 320_000), 0.6, "two"))

    assert [segment.text for segment in book.new(WORK, seen)] == ["two"]
    assert book.new(WORK, seen) == ()


def test_the_work_without_changes_for_the_longest_time_is_dropped_first() -> None:
    book = ProgressBook(works_max=2)
    for work_id in ("a" * 64, "b" * 64, "a" * 64, "c" * 64):
        book.note(progressed((0, 1), 0.5, "x", work_id=work_id))

    assert [bool(book.of(letter * 64).segments) for letter in "abc"] == [True, False, True]


def test_nothing_is_known_of_an_unknown_work() -> None:
    assert ProgressBook().of(WORK) == Progress(0.0, ())
