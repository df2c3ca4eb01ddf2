"""Progress in memory: order, repeats, runs, and bounds."""

from producers.gateway.jobs.ordered_segments import Following, Position
from producers.gateway.view.progress import LATE_S, ChunkLanguage, Progress, ProgressBook
from schemas.segment import Segment
from schemas.work import Span, WorkProgressed

WORK = "a" * 64
START = Position()


def segment(text: str, start: float = 0.0) -> Segment:
    return Segment(start=start, end=start + 1, text=text)


def progressed(
    span: Span, share: float, text: str, run: str = "0-1", work_id: str = WORK, index: int | None = None
) -> WorkProgressed:
    segments = (segment(text, span[0] / 16000),)
    return WorkProgressed(work_id=work_id, run=run, span=span, share=share, segments=segments, index=index)


def chunk(index: int, text: str, run: str = "0-1") -> WorkProgressed:
    return progressed((index * 16_000, (index + 1) * 16_000), 0.5, text, run, index=index)


def texts(segments: tuple[Segment, ...]) -> list[str]:
    return [segment.text for segment in segments]


def in_order(book: ProgressBook, position: Position = START) -> list[str]:
    return texts(book.following(WORK, position).segments)


def test_segments_stand_in_the_order_of_the_file_whenever_they_come() -> None:
    book = ProgressBook()
    book.note(progressed((160_000, 320_000), 0.5, "second"))
    book.note(progressed((0, 160_000), 1.0, "first"))

    assert texts(book.segments(WORK)) == ["first", "second"]
    assert book.of(WORK).share == 1.0


def test_a_chunk_reported_twice_is_there_once_with_its_last_text() -> None:
    book = ProgressBook()
    for text in ("ola", "olá"):
        book.note(chunk(0, text))

    assert texts(book.segments(WORK)) == in_order(book) == ["olá"]


def test_a_new_run_starts_from_the_beginning() -> None:
    book = ProgressBook()
    book.note(progressed((0, 160_000), 0.9, "old", index=0))
    book.note(progressed((0, 80_000), 0.1, "new", run="0-7", index=0))

    assert book.of(WORK).share == 0.1
    assert texts(book.segments(WORK)) == in_order(book) == ["new"]


def test_a_segment_is_in_order_once_all_chunks_before_its_own_are_there() -> None:
    book = ProgressBook()
    for index in (3, 1):
        book.note(chunk(index, str(index)))
    assert in_order(book) == []
    book.note(chunk(0, "0"))
    following = book.following(WORK, START)
    assert texts(following.segments) == ["0", "1"]
    book.note(chunk(2, "2"))
    assert in_order(book, following.position) == ["2", "3"]


def test_a_chunk_whose_number_is_not_known_is_never_in_order() -> None:
    book = ProgressBook()
    book.note(progressed((0, 160_000), 0.5, "first"))
    assert in_order(book) == []


def test_a_chunk_that_was_transcribed_again_makes_all_that_a_client_has_invalid() -> None:
    book = ProgressBook()
    for index in (0, 1):
        book.note(chunk(index, str(index)))
    before = book.following(WORK, START).position
    book.note(chunk(0, "other"))
    following = book.following(WORK, before)
    assert (following.again, texts(following.segments)) == (True, ["other", "1"])


def test_the_version_changes_with_every_event_and_every_run() -> None:
    book = ProgressBook()
    versions = [book.of(WORK).version]
    for event in (chunk(0, "0"), chunk(0, "0"), chunk(0, "0", run="0-2")):
        book.note(event)
        versions.append(book.of(WORK).version)
    assert len(set(versions)) == 4


def test_the_time_that_is_left_follows_from_the_times_of_the_events() -> None:
    book = ProgressBook()
    book.note(progressed((0, 1), 0.2, "a"), at_s=100.0)
    assert book.of(WORK).left_s is None
    book.note(progressed((1, 2), 0.4, "b"), at_s=110.0)
    left_s = book.of(WORK).left_s
    assert left_s is not None
    assert abs(left_s - 30.0) < 1e-9


def test_the_share_is_not_known_while_something_is_done_of_an_unknown_whole() -> None:
    book = ProgressBook()
    assert book.of(WORK).share == 0.0
    book.note(progressed((0, 1), 0.0, "a"))
    assert book.of(WORK).share is None


def test_the_work_without_changes_for_the_longest_time_is_dropped_first() -> None:
    book = ProgressBook(works_max=2)
    for work_id in ("a" * 64, "b" * 64, "a" * 64, "c" * 64):
        book.note(progressed((0, 1), 0.5, "x", work_id=work_id))

    assert [bool(book.segments(letter * 64)) for letter in "abc"] == [True, False, True]


def test_events_of_a_run_that_has_ended_are_of_no_use_and_those_of_the_next_one_are() -> None:
    book = ProgressBook()
    book.note(chunk(0, "first"), at_s=100.0)
    book.ended(WORK, 101.0)
    book.note(chunk(1, "read late"), at_s=101.0 + LATE_S)
    assert book.of(WORK) == Progress()
    book.note(chunk(0, "again", run="0-2"), at_s=110.0)
    assert texts(book.segments(WORK)) == ["again"]


def test_nothing_is_known_of_an_unknown_work() -> None:
    assert ProgressBook().of(WORK) == Progress()
    assert in_order(ProgressBook()) == []


def test_final_segments_end_before_the_first_chunk_that_may_be_transcribed_again() -> None:
    book = ProgressBook()
    for index, may_change in ((0, False), (1, True), (2, False)):
        book.note(chunk(index, str(index)).model_copy(update={"may_change": may_change}))

    def final(position: Position) -> Following:
        return book.following(WORK, position, final=True)

    first = final(START)
    assert texts(first.segments) == ["0"]
    assert final(first.position) == Following((), first.position)
    assert in_order(book) == ["0", "1", "2"]
    book.note(chunk(1, "um"))
    assert texts(final(first.position).segments) == ["um", "2"]


def test_the_languages_of_chunks_stand_in_the_order_of_the_file() -> None:
    book = ProgressBook()
    for index, language, probability in ((2, "en", 0.5), (0, "pt", 0.9), (1, None, None)):
        spoken = {"language": language, "language_probability": probability}
        book.note(chunk(index, "x").model_copy(update=spoken))
    assert book.languages(WORK) == (ChunkLanguage("pt", 0.9), ChunkLanguage("en", 0.5))
    assert book.languages("b" * 64) == ()
