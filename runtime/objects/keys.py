"""Keys in the work bucket. Derived, so that a second write has the same content.

Chunk audio is of one run: a run whose file turns out to have been changed must not overwrite another's.
"""

from uuid import UUID

from schemas.jobs import Job
from schemas.work import Span

UPLOADS, TRANSCRIPTS, CHUNKS, DEAD_LETTERS = "uploads/", "results/", "chunks/", "dead-letters/"
CONTENTS = "uploads-by-content/"  # the key of the upload that has the content
STORED_FIGURES = "retention/figures.json"  # what the retention stage found, for the gateways
SESSION_SECRET = "gateway/session-secret"  # noqa: S105 - the key of the object; see producers/gateway/access/sessions.py
CORRECTED = "corrected/"  # corrected transcripts, in a folder for each work
CORRECTION_RULES = "correction/rules.json"  # whether the rules are in force, for the gateways
CORRECTION_CACHE = "correction-cache/"  # answers of the corrector's endpoint, by what was asked
NAMES = "names/"  # that a reader has given to a job's file and speakers, in a folder for each work
PROMISES = "promised-uploads/"
DIRECT_UPLOADS = "direct-uploads/"  # in the uploads bucket


# How all of them begin. Others' objects in the bucket are left alone.
OURS = (
    *(UPLOADS, CONTENTS, PROMISES, CHUNKS, TRANSCRIPTS, CORRECTED, NAMES),
    *(CORRECTION_CACHE, DEAD_LETTERS, STORED_FIGURES, CORRECTION_RULES, SESSION_SECRET),
)


def upload_key(job_id: UUID) -> str:
    return f"{UPLOADS}{job_id}"


def own_upload_key(job: Job) -> str:
    """Where the file of a job is that is neither dropped nor stored elsewhere: a retry has that of the first attempt."""
    return upload_key(job.retry_of or job.job_id)


def content_key(content_id: str) -> str:
    return f"{CONTENTS}{content_id}"


def is_upload(key: str) -> bool:
    return key.startswith(UPLOADS)


def promise_key(name: UUID | str) -> str:
    """Of a job, or of the digest of an Idempotency-Key."""
    return f"{PROMISES}{name}.json"


def direct_upload_key(job_id: UUID) -> str:
    """In the uploads bucket: where a client puts the file of a promised job."""
    return f"{DIRECT_UPLOADS}{job_id}"


def is_direct_upload(key: str) -> bool:
    return key.startswith(DIRECT_UPLOADS)


def promised_job(key: str) -> UUID | None:
    """The job of a direct upload; None for a key that no gateway has given out."""
    try:
        return UUID(key.removeprefix(DIRECT_UPLOADS))
    except ValueError:
        return None


def chunk_key(slice_id: str, run: str, span: Span) -> str:
    return f"{CHUNKS}{slice_id}/{run}/{span[0]}-{span[1]}"


def slice_index_key(slice_id: str) -> str:
    """Lists the chunks of a file that was read to its end. After them in the order of keys."""
    return f"{CHUNKS}{slice_id}/index.json"


def transcript_key(work_id: str) -> str:
    return f"{TRANSCRIPTS}{work_id}.json"


def corrected_prefix(work_id: str) -> str:
    return f"{CORRECTED}{work_id}/"


def corrected_key(work_id: str, version: str) -> str:
    """Of a work's text as corrected by one version of the rules and the corrector."""
    return f"{corrected_prefix(work_id)}{version}.json"


def names_key(work_id: str, job_id: UUID) -> str:
    return f"{NAMES}{work_id}/{job_id}.json"


def named_job(key: str) -> str:
    """The id of the job that the names are of."""
    return key.rpartition("/")[2].removesuffix(".json")


def is_corrected(key: str) -> bool:
    return key.startswith(CORRECTED)


def answers_prefix(work_id: str) -> str:
    return f"{CORRECTION_CACHE}works/{work_id}/"


def answer_key(work_id: str, question: str) -> str:
    """What the corrector's endpoint answered to a question, by its digest, about a text of this work."""
    return f"{answers_prefix(work_id)}{question}.json"


def answered_prefix(question: str) -> str:
    return f"{CORRECTION_CACHE}questions/{question}/"


def answered_key(question: str, work_id: str) -> str:
    """An empty object: this work has an answer to the question, which serves other works with the same text, too."""
    return f"{answered_prefix(question)}{work_id}"


def answers_of(key: str) -> tuple[str, str] | None:
    """Work and question of either of the two; None for another key."""
    match key.removeprefix(CORRECTION_CACHE).split("/"):
        case ["works", work_id, name]:
            return work_id, name.removesuffix(".json")
        case ["questions", question, work_id]:
            return work_id, question
    return None


def dead_letter_key(subject: str) -> str:
    return f"{DEAD_LETTERS}{subject}"
