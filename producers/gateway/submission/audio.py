"""The file of a submission, once it has been read to its end."""

from dataclasses import dataclass, replace
from uuid import UUID

from producers.gateway.submission.form_files import FormFile
from producers.gateway.submission.shared_uploads import SharedUploads
from producers.gateway.submission.upload import Content, Incoming, Stored
from schemas.record import ObjectRef


@dataclass(frozen=True, slots=True)
class Audio:
    """A complete file. `upload`: it was uploaded for this submission; deleted if no job is made of it, else `content` is Stored.
    `result_key`: of an object beside which result files may be written."""

    filename: str
    content: Content | Stored
    upload_id: UUID | None = None
    upload: Incoming | None = None
    result_key: str | None = None

    @classmethod
    def of(cls, file: FormFile) -> "Audio":
        """A file of a form that has been read."""
        assert file.content is not None
        return cls(file.filename, file.content, file.upload_id, file.incoming)

    @property
    def place(self) -> ObjectRef:
        """Where it is, or would be if it were stored."""
        if self.upload is not None:
            return self.upload.place
        assert isinstance(self.content, Stored)
        return self.content.ref

    def store(self) -> ObjectRef:
        """Where it is in the store, from now on at the latest. Blocks; idempotent. Raises StoreUnavailable."""
        if self.upload is not None:
            return self.upload.store()
        assert isinstance(self.content, Stored)
        return self.content.ref

    def share(self, uploads: SharedUploads, content_id: str) -> ObjectRef:
        """As `store()`, but an upload of which the store has the content already is not stored again."""
        return self.upload.share(uploads, content_id) if self.upload is not None else self.store()

    def accepted(self) -> None:
        """A job was made of it. Does not block."""
        if self.upload is not None:
            self.upload.accepted()

    def announce(self) -> None:
        """After `share()`, once a job has it. Blocks."""
        if self.upload is not None:
            self.upload.announce()

    def named(self, filename: str) -> "Audio":
        return replace(self, filename=filename)

    def release(self) -> None:
        """Frees the memory in which a small file is kept until it has been probed."""
        if self.upload is not None:
            self.upload.release()

    async def discard(self) -> None:
        """Idempotent. An object that was in the store before stays there."""
        if self.upload is not None:
            await self.upload.discard()
