"""The multipart body of a submission: what is read of it, and how much of a hostile one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
from aiohttp import StreamReader
from aiohttp.test_utils import make_mocked_request

from producers.gateway.http.problems import Problem
from producers.gateway.submission.form import FIELD_BYTES_MAX, OVERHEAD_BYTES, PARTS_MAX, read_form
from producers.gateway.submission.form_files import FormFile, FormFiles
from producers.gateway.submission.upload import Incoming, Memory
from runtime.objects.directory import DirectoryStore

PIECE_BYTES = 64 * 1024
MAX_BYTES = 1_000_000
FIELD = b'--XX\r\nContent-Disposition: form-data; name="language"\r\n\r\nen\r\n'


class Body:
    """Gives out a body in pieces, as a connection does, and counts them."""

    def __init__(self, data: bytes, piece_bytes: int = PIECE_BYTES) -> None:
        self._data = data
        self._piece_bytes = piece_bytes
        self.given_bytes = 0

    async def readany(self) -> bytes:
        piece = self._data[self.given_bytes : self.given_bytes + self._piece_bytes]
        self.given_bytes += len(piece)
        return piece


@dataclass(frozen=True)
class Read:
    fields: dict[str, str]
    files: list[FormFile]

    @property
    def filename(self) -> str:
        return self.files[0].filename


@pytest.fixture
def incoming(tmp_path: Path) -> Callable[..., FormFiles]:
    store = DirectoryStore({"work": tmp_path})

    def create(upload_id: UUID) -> Incoming:
        return Incoming(store, "work", str(upload_id), MAX_BYTES, Memory())

    return lambda **how: FormFiles(create, MAX_BYTES, **how)


def read(body: Body, files: FormFiles, content_type: str = "multipart/form-data; boundary=XX", **headers: str) -> Read:
    request = make_mocked_request(
        "POST", "/", headers={"Content-Type": content_type, **headers}, payload=cast(StreamReader, body)
    )
    return Read(asyncio.run(read_form(request, files)).fields, files.all)


def form(*parts: bytes) -> bytes:
    return b"".join(b"--XX\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--XX--\r\n"


@pytest.mark.parametrize(
    "data",
    [
        FIELD * 20_000 + b"--XX--\r\n",
        b"".join(FIELD.replace(b"language", b"%d" % number) for number in range(20_000)),
        b"\n" * 5_000_000,
        b"\r\n" * 2_500_000,
        b"\r\n--X" * 1_000_000,
        b"--XX\r\n" + b"\n" * 5_000_000,
        b"--XX\r\n" + b"a: b\r\n" * 800_000,
        b"--XX\r\n" + b"a" * 5_000_000,
        b"--XX\r\n" * 800_000,
        FIELD[:-4] + b"\r\n" * 2_000_000,
    ],
    ids=["one field", "many fields", "newlines", "crlf", "near misses", "bare newlines", "headers", "long", "empty", "value"],
)
def test_a_hostile_body_is_refused_by_its_first_piece(data: bytes, incoming: Callable[..., FormFiles]) -> None:
    body = Body(data)
    with pytest.raises(Problem) as refused:
        read(body, incoming())

    assert refused.value.status == 400
    assert body.given_bytes == PIECE_BYTES


def test_what_follows_the_last_part_is_bounded(incoming: Callable[..., FormFiles]) -> None:
    whole = form(b'name="file"; filename="a.wav"\r\n\r\nabc')
    assert read(Body(whole + b"\r\n" * 10), incoming()).filename == "a.wav"

    body = Body(whole + b"\n" * 5_000_000)
    with pytest.raises(Problem):
        read(body, incoming())
    assert body.given_bytes <= OVERHEAD_BYTES + 2 * PIECE_BYTES


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 7, 64, 10_000])
def test_a_body_reads_the_same_in_pieces_of_any_size(piece_bytes: int, incoming: Callable[..., FormFiles]) -> None:
    audio = b"\r\n--X\r\n--XY\r\n" * 100
    data = form(b'name="language"\r\n\r\npt', b'name="file"; filename="a.wav"\r\n\r\n' + audio, b'name="prompt"\r\n\r\nAna')
    read_whole = read(Body(data, piece_bytes), incoming())

    assert read_whole.fields == {"language": "pt", "prompt": "Ana"}
    assert read_whole.files[0].size_bytes == len(audio)


def test_as_many_parts_as_are_allowed_are_read(incoming: Callable[..., FormFiles]) -> None:
    fields = [b'name="f%d"\r\n\r\nx' % number for number in range(PARTS_MAX - 1)]
    file = b'name="file"; filename="a.wav"\r\n\r\nabc'
    assert len(read(Body(form(*fields, file)), incoming()).fields) == PARTS_MAX - 1
    with pytest.raises(Problem):
        read(Body(form(*fields, b'name="one more"\r\n\r\nx', file)), incoming())


def test_a_field_has_a_largest_length(incoming: Callable[..., FormFiles]) -> None:
    file = b'name="file"; filename="a.wav"\r\n\r\nabc'
    longest = b"a" * FIELD_BYTES_MAX
    assert read(Body(form(b'name="prompt"\r\n\r\n' + longest, file)), incoming()).fields["prompt"] == longest.decode()
    with pytest.raises(Problem):
        read(Body(form(b'name="prompt"\r\n\r\na' + longest, file)), incoming())


@pytest.mark.parametrize(
    "part",
    [
        b'name="file"\r\n\r\n',
        b'name="file"\r\n\r\nhello',
        b'name="file"; filename=""\r\n\r\n',
        b'name="file"; filename="a.wav"\r\n\r\n',
        b'name="language"\r\n\r\nen',
    ],
    ids=["-F file=", "-F file=hello", "nothing chosen", "empty file", "no file"],
)
def test_a_form_without_a_file_or_with_an_empty_one_is_refused(part: bytes, incoming: Callable[..., FormFiles]) -> None:
    with pytest.raises(Problem) as refused:
        read(Body(form(part)), incoming())
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("disposition", "shown"),
    [
        ('filename="a %22b%22.wav"', 'a "b".wav'),
        ('filename="a%0D%0Ab.wav"', "ab.wav"),
        ('filename="100%25 sure.wav"', "100%25 sure.wav"),
        ('filename="50%.wav"', "50%.wav"),
        (r'filename="say \"hi\".wav"', 'say "hi".wav'),
        ("filename=plain.wav", "plain.wav"),
        ('filename="ação 🎧.mp3"', "ação 🎧.mp3"),
        ("filename=\"x\"; filename*=UTF-8''a%C3%A7%C3%A3o%20%22x%22.mp3", 'ação "x".mp3'),
        ('filename="a;b=c.wav"', "a;b=c.wav"),
    ],
)
def test_a_file_name_is_decoded_as_browsers_encode_it(disposition: str, shown: str, incoming: Callable[..., FormFiles]) -> None:
    part = f'name="file"; {disposition}\r\n\r\nabc'
    assert read(Body(form(part.encode())), incoming()).filename == shown


def test_a_file_name_that_is_not_utf_8_loses_those_bytes(incoming: Callable[..., FormFiles]) -> None:
    assert read(Body(form(b'name="file"; filename="a\xe7b.wav"\r\n\r\nabc')), incoming()).filename == "ab.wav"


@pytest.mark.parametrize("boundary", ["a" * 71, '""', '"ä"'])
def test_a_boundary_that_no_client_sends_is_refused(boundary: str, incoming: Callable[..., FormFiles]) -> None:
    with pytest.raises(Problem) as refused:
        read(Body(form()), incoming(), f"multipart/form-data; boundary={boundary}")
    assert refused.value.status == 400


@pytest.mark.parametrize("boundary", ["----=_Part_1", '"a b"', "x/y?z"])
def test_an_odd_boundary_is_understood(boundary: str, incoming: Callable[..., FormFiles]) -> None:
    data = form(b'name="file"; filename="a.wav"\r\n\r\nabc').replace(b"--XX", b"--" + boundary.strip('"').encode())
    assert read(Body(data), incoming(), f"multipart/form-data; boundary={boundary}").filename == "a.wav"


def test_a_compressed_body_is_refused(incoming: Callable[..., FormFiles]) -> None:
    with pytest.raises(Problem) as refused:
        read(Body(form()), incoming(), **{"Content-Encoding": "gzip"})
    assert refused.value.status == 415


def several(incoming: Callable[..., FormFiles], *contents: bytes, most: int = 3, is_tolerant: bool = True) -> list[FormFile]:
    parts = [b'name="file"; filename="%d.wav"\r\n\r\n%b' % (number, content) for number, content in enumerate(contents)]
    return read(Body(form(*parts, b'name="language"\r\n\r\nen')), incoming(most=most, is_tolerant=is_tolerant)).files


def test_several_files_are_read_one_after_the_other(incoming: Callable[..., FormFiles]) -> None:
    first, second = several(incoming, b"one", b"two")
    assert [(file.filename, file.content and file.incoming.content) for file in (first, second)] == [
        ("0.wav", b"one"),
        ("1.wav", b"two"),
    ]
    assert first.upload_id != second.upload_id


def test_a_bad_file_does_not_lose_the_others(incoming: Callable[..., FormFiles], tmp_path: Path) -> None:
    empty, large, good = several(incoming, b"", bytes(MAX_BYTES + 1), b"good")
    assert [file.problem and file.problem.document["reason"] for file in (empty, large, good)] == ["empty", "too_large", None]
    stored = good.incoming.store().key
    assert [path.name for path in tmp_path.iterdir()] == [stored], "nothing is left of the others"


def test_a_file_that_is_skipped_has_an_end_too(incoming: Callable[..., FormFiles]) -> None:
    files = incoming(most=3, is_tolerant=True)
    with pytest.raises(Problem) as refused:
        read(Body(form(b'name="file"; filename="a"\r\n\r\n' + bytes(2 * MAX_BYTES + PIECE_BYTES))), files)
    assert refused.value.status == 413
    asyncio.run(files.discard())


def test_there_are_as_many_files_as_are_allowed(incoming: Callable[..., FormFiles]) -> None:
    with pytest.raises(Problem, match="more than 2 files"):
        several(incoming, b"one", b"two", b"three", most=2)
    with pytest.raises(Problem, match="two parts named 'file'"):
        several(incoming, b"one", b"two", most=1, is_tolerant=False)
