"""Objects that a gateway has handed out a form for: the promised job, with the options that were kept."""

from datetime import timedelta
from uuid import UUID, uuid4

from producers.known import _drop
from runtime.objects.directory import DirectoryStore
from runtime.objects.keys import direct_upload_key, promise_key
from schemas import codec
from schemas.jobs import JobRequested
from schemas.options import DecodingOptions, ModelRef
from schemas.order import Order, UploadPromised
from schemas.record import ObjectRef
from tests.unit.processors.intake.test_stage import NOW, SETTINGS, event, intake, objects, requests

__all__ = ["objects"]


def promise(objects: DirectoryStore, **more: object) -> UUID:
    job_id = uuid4()
    decoding = DecodingOptions(language="pt", words=True)
    order = Order.model_validate(
        {"owner": "alice", "model": ModelRef(name="demo", revision="1"), "decoding": decoding, "lane": "bulk", **more}
    )
    record = UploadPromised(job_id=job_id, filename="call.ul", order=order, max_bytes=1000, expires_at=NOW + timedelta(hours=1))
    objects.put("work", promise_key(job_id), codec.encode(record))
    return job_id


def test_the_object_becomes_the_promised_job(objects: DirectoryStore) -> None:
    job_id = promise(objects)
    info = objects.put("uploads", direct_upload_key(job_id), b"speech")
    (request,) = requests(intake(objects), event(direct_upload_key(job_id)))
    job, work = request.job, request.work
    assert (job.job_id, job.source, job.owner, job.lane, job.filename) == (job_id, "http", "alice", "bulk", "call.ul")
    assert (job.dropped, job.stored, work.audio) == (None, objects.head("uploads", info.key).ref, job.stored)
    assert (work.decoding.language, work.decoding.words, work.slicing.raw_format) == ("pt", True, "mulaw")


def test_an_event_that_names_no_object_finds_it_too(objects: DirectoryStore) -> None:
    """versitygw's, of a form."""
    job_id = promise(objects)
    objects.put("uploads", direct_upload_key(job_id), b"speech")
    (request,) = requests(intake(objects), event("", how="Post"))
    assert request.job.job_id == job_id


def test_an_object_that_was_not_promised_makes_no_job(objects: DirectoryStore) -> None:
    stage = intake(objects)
    for key in (direct_upload_key(uuid4()), "direct-uploads/talk.wav"):
        objects.put("uploads", key, b"speech")
        assert requests(stage, event(key)) == []


def test_a_promise_with_no_cache_is_not_answered_by_a_stored_transcript(objects: DirectoryStore) -> None:
    job_id = promise(objects, no_cache=True)
    objects.put("uploads", direct_upload_key(job_id), b"speech")
    (request,) = requests(intake(objects), event(direct_upload_key(job_id)))
    assert (request.no_cache, request.result) == (True, None)


def test_the_reconciler_counts_it_as_a_drop_that_has_its_job(objects: DirectoryStore) -> None:
    job_id = promise(objects)
    objects.put("uploads", direct_upload_key(job_id), b"speech")
    (request,) = requests(intake(objects), event(direct_upload_key(job_id)))
    assert _drop(request) == request.work.audio
    named = request.job.model_copy(update={"stored": ObjectRef(bucket=SETTINGS.uploads_bucket, key="talk.wav")})
    assert _drop(JobRequested(job=named, work=request.work)) is None
