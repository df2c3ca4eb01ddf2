"""Derived ids: the same content with the same options has the same id everywhere. No clock and no randomness here.

Fed by gateway and intake, which name works and jobs; everything after them only passes the names on.
"""

import hashlib
import uuid

import orjson

from runtime.effective_options import EffectiveOptions
from schemas.jobs import Work
from schemas.options import SlicingOptions
from schemas.record import ObjectRef

PIPELINE_VERSION = 2  # increment when the same audio and options would give another text
SLICER_VERSION = 4  # increment when the same audio and options would be cut elsewhere
_DROPS = uuid.UUID("6d75726d-7572-5d72-8f70-730000000001")  # namespace of the job ids of dropped objects


def digest(value: object) -> str:
    """SHA-256 of a JSON value with its keys sorted."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def content_id(audio_id: str, owner: str | None) -> str:
    """Of a file as this owner has uploaded it; None: of all owners together."""
    return audio_id if owner is None else digest([audio_id, owner])


def slice_id(content: str, slicing: SlicingOptions) -> str:
    """`content`: its `content_id()`."""
    return digest([content, slicing.model_dump(), SLICER_VERSION])


def plan(audio_id: str, audio: ObjectRef, options: EffectiveOptions, owner: str, *, shared: bool = False) -> Work:
    """The work of this request. Owners share neither works nor decoded audio, unless `shared`: no owner may find out what others
    have uploaded, and what was decoded before takes no time."""
    apart = None if shared else owner
    model, decoding, slicing = options.model, options.decoding, options.slicing
    what = [audio_id, model.model_dump(), decoding.model_dump(), slicing.model_dump(), PIPELINE_VERSION]
    what.append(apart)
    return Work(
        work_id=digest(what),
        audio_id=audio_id,
        slice_id=slice_id(content_id(audio_id, apart), slicing),
        audio=audio,
        model=model,
        decoding=decoding,
        slicing=slicing,
    )


def drop_job_id(bucket: str, key: str, version: str, audio_id: str, *metadata: tuple[str, str]) -> uuid.UUID:
    """`version`: the object's version id, or its eTag where the bucket is not versioned. Taken from HEAD, never an event.
    `audio_id`: a file's content can be replaced under the same size and time, and so under the same eTag. `metadata`: the options
    that the object has: the same content may be put again with others."""
    return uuid.uuid5(_DROPS, "\n".join((bucket, key, version, audio_id, *map("=".join, metadata))))
