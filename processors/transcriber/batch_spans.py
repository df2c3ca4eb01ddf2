"""A span for each batch of the transcriber, linked to the spans of its chunks, which may belong to several jobs and traces.

Fed by `stage`. Does nothing without tracing.
"""

from collections.abc import Sequence

from processors.transcriber.held import Held
from runtime import tracing
from runtime.tracing import Span


class BatchSpans:
    """For the loop's thread."""

    def __init__(self) -> None:
        self._tracer = tracing.active("transcriber")
        self._spans: dict[int, tuple[Sequence[Held], Span]] = {}  # by identity: the batch is kept, so no other one has it

    def began(self, batch: Sequence[Held]) -> None:
        if self._tracer is None:
            return
        traces = list(dict.fromkeys(held.record.trace for held in batch if held.record.trace is not None))
        first = traces[0] if traces else None
        attributes: dict[str, str | int] = {"murmur.model": batch[0].model.name, "murmur.batch.windows": len(batch)}
        span = self._tracer.start("transcribe batch", "internal", first, attributes, traces[1:])
        self._spans[id(batch)] = batch, span

    def ended(self, batch: Sequence[Held], fault: BaseException | None) -> None:
        _, span = self._spans.pop(id(batch), (batch, None))
        if span is not None:
            span.end(error=type(fault).__name__ if fault is not None else None)
