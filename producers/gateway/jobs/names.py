"""The names that readers give to a job's file and to its speakers: one object in the work bucket, as long as the transcript.

Any gateway reads and replaces it. Of two changes at the same moment the later one is valid.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from producers.gateway.documents.names import Names
from producers.gateway.view.job_view import JobView
from runtime.objects import NotFound, ObjectStore, keys


@dataclass(frozen=True, slots=True)
class StoredName:
    """Of a file, in one version of the object."""

    version: str
    filename: str


class GivenNames:
    """Everything blocks, and raises StoreUnavailable."""

    def __init__(self, objects: ObjectStore, work_bucket: str) -> None:
        self._objects = objects
        self._bucket = work_bucket

    def read(self, job: JobView) -> Names:
        """None given: they are empty."""
        return self._read(_key(job))

    def _read(self, key: str) -> Names:
        try:
            return Names.model_validate_json(self._objects.get(self._bucket, key))
        except (NotFound, ValidationError):  # or written by another program
            return Names()

    def all(self, known: Mapping[str, StoredName]) -> dict[str, StoredName]:
        """Of all jobs, by their ids. `known`: from before; what has the same version is not read again."""
        found = {}
        for info in self._objects.list(self._bucket, keys.NAMES):
            job_id = keys.named_job(info.key)
            before = known.get(job_id)
            if before is not None and before.version == info.version:
                found[job_id] = before
            else:
                found[job_id] = StoredName(info.version, self._read(info.key).filename)
        return found

    def changed_at(self, job: JobView) -> datetime | None:
        try:
            return self._objects.head(self._bucket, _key(job)).modified_at
        except NotFound:
            return None

    def write(self, job: JobView, names: Names) -> None:
        self._objects.put(self._bucket, _key(job), names.model_dump_json().encode(), content_type="application/json")

    def delete(self, job: JobView) -> None:
        """Idempotent."""
        self._objects.delete(self._bucket, _key(job))


def _key(job: JobView) -> str:
    return keys.names_key(job.work_id, job.job_id)
