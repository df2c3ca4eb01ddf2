"""A request for one chunk, and a result without text."""

from schemas.options import DecodingOptions, ModelRef
from schemas.record import ObjectRef
from schemas.work import ChunkReady, ChunkTranscribed

CHUNK = ChunkReady(
    work_id="a" * 64,
    run="0-1",
    slice_id="b" * 64,
    span=(0, 16_000),
    pieces=((0, 16_000),),
    audio=ObjectRef(bucket="work", key="chunks/1"),
    model=ModelRef(name="demo", revision="1"),
    decoding=DecodingOptions(),
    lane="bulk",
)
RESULT = ChunkTranscribed(
    span=(0, 16_000), attempt=0, speech_s=1.0, language="en", language_probability=0.9, segments=(), inference_s=0.125
)
