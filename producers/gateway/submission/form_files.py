"""The files of a multipart body as they arrive, one after the other, under ids of their own. Used by `form.py`."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID, uuid4

from producers.gateway.http.problems import Problem
from producers.gateway.submission.upload import Content, Incoming


@dataclass(slots=True)
class FormFile:
    """Once the body has been read it has `content`, or a `problem`."""

    filename: str
    upload_id: UUID
    incoming: Incoming
    size_bytes: int = 0
    content: Content | None = None
    problem: Problem | None = None


class FormFiles:
    """`create`: what writes the upload with this id. `most`: how many files there may be. With `is_tolerant` what is wrong with a
    file is noted there and does not end the body. Call `discard()` if nothing becomes of them."""

    def __init__(
        self, create: Callable[[UUID], Incoming], max_bytes: int, *, field: str = "file", most: int = 1, is_tolerant: bool = False
    ) -> None:
        self._create = create
        self.max_bytes = max_bytes
        self._is_tolerant = is_tolerant
        self.field = field
        self.most = most
        self.all: list[FormFile] = []

    @property
    def size_bytes(self) -> int:
        """Received so far."""
        return sum(file.size_bytes for file in self.all)

    def begin(self, filename: str) -> None:
        if len(self.all) == self.most:
            raise Problem(400, "bad_request", f"There are more than {self.most} files in the body.")
        upload_id = uuid4()
        self.all.append(FormFile(filename, upload_id, self._create(upload_id)))

    async def write(self, data: bytes) -> None:
        """To the last one. What follows in a file that is refused is skipped, up to once the limit again."""
        file = self.all[-1]
        file.size_bytes += len(data)
        if file.problem is None:
            with self._noted(file):
                await file.incoming.write(data)
        elif file.size_bytes > 2 * self.max_bytes:
            raise file.problem

    async def end(self) -> None:
        file = self.all[-1]
        if file.problem is None:
            with self._noted(file):
                if not file.size_bytes:
                    raise Problem(400, "empty", f"The file {file.filename!r} is empty.")
                file.content = await file.incoming.finish()
        if file.problem is not None:
            await file.incoming.discard()

    async def discard(self) -> None:
        """Idempotent."""
        for file in self.all:
            await file.incoming.discard()

    @contextlib.contextmanager
    def _noted(self, file: FormFile) -> Iterator[None]:
        try:
            yield
        except Problem as problem:
            if not self._is_tolerant:
                raise
            file.problem = problem
