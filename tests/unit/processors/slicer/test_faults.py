"""Packets that could not be decoded, as one warning."""

from processors.slicer.faults import BadPackets
from processors.slicer.media_info import MediaWarning


def damaged(count: int, start: float, end: float) -> list[MediaWarning]:
    message = f"packets that could not be decoded: {count}"
    return [MediaWarning(code="damaged", message=message, start=start, end=end)]


def test_without_a_bad_packet_there_is_no_warning() -> None:
    assert BadPackets().warnings(10) == []


def test_damage_in_several_places_is_one_warning_from_the_first_to_the_last() -> None:
    packets = BadPackets()
    for start_s in (2.0, 2.06, 7.5):
        packets.add(start_s, 0.06)
    assert packets.warnings(10) == damaged(3, 2.0, 7.56)


def test_the_last_packet_of_a_file_that_is_cut_ends_with_the_file() -> None:
    packets = BadPackets()
    packets.add(9.5, 3.0)
    assert packets.warnings(10) == damaged(1, 9.5, 10)
    packets.add(11.0, 3.0)
    assert packets.warnings(9) == damaged(2, 9, 9)
