"""The file of the VAD network in the package."""

from scripts import vad_network


def test_the_file_is_made_of_the_network_that_faster_whisper_brings() -> None:
    assert vad_network.NETWORK.read_bytes() == vad_network.build(vad_network.original()).SerializeToString()
