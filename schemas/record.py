"""The base class of all records: frozen, versioned, tolerant of unknown fields.

A record is pydantic at the edge (bytes in, bytes out) and a plain immutable value inside. A field that this version
does not know is kept and written out again, so that a newer producer's data survives an older stage.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256, lower-case hexadecimal")]
Lane = Literal["interactive", "bulk"]
Time = AwareDatetime


class Value(BaseModel):
    """A part of a record."""

    model_config = ConfigDict(frozen=True, extra="allow", ser_json_inf_nan="null")


class TraceContext(Value):
    """The W3C Trace Context of the HTTP request that a job came from. Passed on unchanged, also as Kafka headers."""

    traceparent: str
    tracestate: str | None = Field(None, exclude_if=lambda state: state is None)

    @property
    def trace_id(self) -> str:
        return self.traceparent.split("-")[1]

    @property
    def headers(self) -> dict[str, str]:
        """As HTTP and Kafka have them."""
        state = {"tracestate": self.tracestate} if self.tracestate else {}
        return {"traceparent": self.traceparent, **state}


Trace = Annotated[
    TraceContext | None,
    Field(
        description="of the HTTP request, if it had one; of a run: that of the job that started it",
        exclude_if=lambda trace: trace is None,
    ),
]


class Record(Value):
    """A whole Kafka value. `TYPE` and `version` make the CloudEvents type, such as `murmur.job.v1`."""

    TYPE: ClassVar[str]
    VERSION: ClassVar[int] = 1

    version: Literal[1] = 1

    @property
    def event_id(self) -> str:
        """The CloudEvents id: derived from the record's content, so that a repeat has the same id."""
        raise NotImplementedError(type(self).__name__)

    @property
    def subject(self) -> str:
        """The CloudEvents subject: the job or the work that the record is about."""
        raise NotImplementedError(type(self).__name__)

    @property
    def trace_context(self) -> TraceContext | None:
        """Written into the headers of the record."""
        return None

    @property
    def trace_id(self) -> str | None:
        return self.trace_context.trace_id if self.trace_context is not None else None

    @classmethod
    def cloud_event_type(cls) -> str:
        return f"murmur.{cls.TYPE}.v{cls.VERSION}"


class ObjectRef(Value):
    """The address of an object in the store. `etag` is without quotes; `None` means not known.

    `change_tag` changes with every write, also with one that leaves size and modification time (and so the eTag of a file) as
    they were; it may change without one.
    """

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None
    size_bytes: int | None = Field(None, ge=0)
    change_tag: str | None = Field(
        None, description="of a file: inode and ctime; of an S3 object: Last-Modified", exclude_if=lambda tag: tag is None
    )


class Failure(Value):
    """Why a work failed. `reason` is one of those in docs/delivery.md; `message` is for people."""

    reason: str
    message: str
