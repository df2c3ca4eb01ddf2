"""How long a work took, and where the time went."""

from pydantic import Field

from schemas.record import Value


class Timings(Value):
    """In seconds; None: not measured. Stages overlap, so the parts do not add up to `total_s`."""

    queue_s: float = Field(description="from the submission of the job that started the work until its file was opened")
    decode_s: float | None = Field(None, description="CPU time of decoding")
    vad_s: float | None = Field(None, description="CPU time of speech detection")
    inference_s: float = Field(description="time of inference, summed over the chunks, which are transcribed in parallel")
    total_s: float = Field(description="from the submission to the last chunk")
    real_time_factor: float | None = Field(description="total_s without queue_s, per second of audio; None: no audio")
    decoder_peak_memory_bytes: int | None = Field(None, description="highest memory of the decoder process")
