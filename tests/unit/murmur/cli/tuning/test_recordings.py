"""Which files are read, in which order, and where a long one is cut into passages."""

import io
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from murmur.cli.tuning import recordings
from murmur.cli.tuning.recordings import Recordings, files, quietest
from processors.slicer.audio import Check, DecodeOptions, Decoder, OpenAudio, Seekable, no_check
from processors.slicer.decode import open_audio
from processors.slicer.sandbox.process import DecoderDied
from runtime.errors import UsageError
from schemas.options import SlicingOptions
from schemas.sound import SAMPLE_RATE_HZ
from tests.clips import BY_NAME

MAX_AUDIO_S = 3600.0
SPEECH = BY_NAME["en-command.wav"].path


@pytest.fixture
def skipped() -> dict[str, str]:
    return {}


def passages(folder: Path, skipped: dict[str, str], decoder: Decoder = open_audio) -> Recordings:
    return Recordings(
        sorted(folder.iterdir()), SlicingOptions(), MAX_AUDIO_S, decoder, lambda path, why: skipped.update({path.name: why})
    )


def repeated(times: int) -> bytes:
    made = io.BytesIO()
    with wave.open(str(SPEECH)) as short, wave.open(made, "wb") as long:
        long.setparams(short.getparams())
        frames = short.readframes(short.getnframes())
        long.writeframes(frames * times)
    return made.getvalue()


def test_all_files_below_are_found_in_an_order_that_stays_but_transcripts_and_hidden_ones(tmp_path: Path) -> None:
    (tmp_path / "a" / ".cache").mkdir(parents=True)
    for name in ("1.wav", "1.txt", "1.srt", "a/2.mp3", "a/3", "a/.cache/4.wav", ".5.wav"):
        (tmp_path / name).touch()
    found = files(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in found} == {"1.wav", "a/2.mp3", "a/3"}
    assert found == files(tmp_path)


def test_no_folder_and_an_empty_one_are_wrong_use(tmp_path: Path) -> None:
    for audio in (None, tmp_path, tmp_path / "nosuch"):
        with pytest.raises(UsageError, match="--audio"):
            files(audio)


def test_files_that_cannot_be_used_are_named_with_why(tmp_path: Path, skipped: dict[str, str]) -> None:
    (tmp_path / "bad.mp3").write_text("this is no audio")
    (tmp_path / "silence.flac").write_bytes(BY_NAME["silence.flac"].path.read_bytes())
    (tmp_path / "talk.wav").write_bytes(SPEECH.read_bytes())
    source = passages(tmp_path, skipped)
    assert len(list(source.passages())) == 1
    assert (source.files, source.silent) == (1, 1)
    assert skipped["silence.flac"] == "skipped: it contains no speech"
    assert skipped["bad.mp3"].startswith("skipped: ")
    assert set(skipped) == {"bad.mp3", "silence.flac"}


def test_a_file_that_ends_its_decoder_is_named_on_one_line_and_the_next_is_read(tmp_path: Path, skipped: dict[str, str]) -> None:
    for name in ("bad.wav", "talk.wav"):
        (tmp_path / name).write_bytes(SPEECH.read_bytes())

    @contextmanager
    def dying_at_first(file: Seekable, options: DecodeOptions, check: Check = no_check) -> Iterator[OpenAudio]:
        if not skipped:
            raise DecoderDied("the decoder failed:\nTraceback")
        with open_audio(file, options, check) as audio:
            yield audio

    source = passages(tmp_path, skipped, dying_at_first)
    assert len(list(source.passages())) == 1
    assert skipped == {"bad.wav": "skipped: the decoder failed:"}


def test_no_decoder_is_kept_for_the_rest_of_a_long_file(
    tmp_path: Path, skipped: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "PASSAGE_S", 5)
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(repeated(4))
    in_use: list[Seekable] = []

    @contextmanager
    def counted(file: Seekable, options: DecodeOptions, check: Check = no_check) -> Iterator[OpenAudio]:
        in_use.append(file)
        try:
            with open_audio(file, options, check) as audio:
                yield audio
        finally:
            in_use.remove(file)

    for _passage in passages(tmp_path, skipped, counted).passages():
        assert in_use == []
    assert skipped == {}


def test_every_file_has_its_turn_before_the_rest_of_a_long_one(
    tmp_path: Path, skipped: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "PASSAGE_S", 5)
    (tmp_path / "a.wav").write_bytes(repeated(8))
    (tmp_path / "b.wav").write_bytes(SPEECH.read_bytes())
    found = passages(tmp_path, skipped)
    two = list(islice(found.passages(), 2))
    assert found.files == 2
    assert skipped == {}
    assert [sum(chunk.duration_s for chunk in passage.chunks(30)) < 7 for passage in two] == [True, True]


def test_a_long_file_is_cut_into_stretches_and_nothing_of_it_is_lost(
    tmp_path: Path, skipped: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "PASSAGE_S", 5)
    (tmp_path / "a.wav").write_bytes(repeated(8))
    with wave.open(str(tmp_path / "a.wav")) as file:
        duration_s = file.getnframes() / file.getframerate()
    lengths_s = [len(each) / SAMPLE_RATE_HZ for each in passages(tmp_path, skipped)._stretches(tmp_path / "a.wav")]
    assert len(lengths_s) > 3
    assert sum(lengths_s) == pytest.approx(duration_s, abs=0.01)


def test_a_passage_ends_in_the_quietest_moment_of_its_last_seconds() -> None:
    samples = np.full(60 * SAMPLE_RATE_HZ, 1000, np.int16)
    samples[10 * SAMPLE_RATE_HZ : 12 * SAMPLE_RATE_HZ] = 0
    samples[55 * SAMPLE_RATE_HZ : 56 * SAMPLE_RATE_HZ] = 5
    assert 55 * SAMPLE_RATE_HZ < quietest(samples) < 56 * SAMPLE_RATE_HZ
