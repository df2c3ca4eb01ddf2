"""The file of a submission, once it is in the store."""

from dataclasses import dataclass, replace
from uuid import UUID

from producers.gateway.submission.form_files import FormFile
from producers.gateway.submission.upload import Incoming, Stored


@dataclass(frozen=True, slots=True)
class Audio:
    """A file that is complete in the store. `upload`: it was uploaded for this submission; deleted if no job is made of it.
    `result_key`: of an object beside which result files may be written."""

    filename: str
    stored: Stored
    upload_id: UUID | None = None
    upload: Incoming | None = None
    result_key: str | None = None

    @classmethod
    def of(cls, file: FormFile) -> "Audio":
        """A file of a form that has been stored."""
        assert file.stored is not None
        return cls(file.filename, file.stored, file.upload_id, file.incoming)

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
