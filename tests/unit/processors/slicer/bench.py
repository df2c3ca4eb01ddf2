"""A directory store with a clip in it, and what the slicer's threads share."""

from dataclasses import dataclass, field
from pathlib import Path

from processors.slicer.attempts import Attempts
from processors.slicer.decode import open_audio
from processors.slicer.slicing import Slicer
from processors.slicer.vad import load_session
from processors.slicer.worker import SlicerContext
from runtime.identity import slice_id
from runtime.kafka.messages import Partition, Received
from runtime.objects.directory import DirectoryStore
from schemas.jobs import Work
from schemas.options import ModelRef, SlicingOptions
from schemas.record import Lane, ObjectRef
from schemas.work import DecodeRequested

AUDIO = Path(__file__).parents[4] / "examples" / "audio"
SLICER = Slicer(open_audio, load_session(), 600)
WORK_ID, AUDIO_ID = "a" * 64, "b" * 64


@dataclass
class Bench:
    """`root/uploads`, `root/work`: the buckets. `revoked`: runs that no job waits for."""

    root: Path
    revoked: set[tuple[str, str]] = field(default_factory=set)
    max_bytes: int = 2 * 1024**3

    @property
    def store(self) -> DirectoryStore:
        return DirectoryStore({name: self.root / name for name in ("uploads", "work")})

    @property
    def context(self) -> SlicerContext:
        return SlicerContext(self.store, "work", SLICER, 30.0, self._is_revoked, self.max_bytes, Attempts(None))

    def _is_revoked(self, work_id: str, run: str) -> bool:
        return (work_id, run) in self.revoked

    def request(
        self,
        clip: str = "en-parallel.flac",
        *,
        data: bytes | None = None,
        lane: Lane | None = None,
        offset: int = 0,
        partition: int = 0,
        checkpoint: str | None = None,
        attempts: int = 0,
    ) -> Received[DecodeRequested]:
        """The clip (or the data under its name) is stored, and requested in chunks of at most 4 s."""
        content = (AUDIO / clip).read_bytes() if data is None else data
        audio = self.store.put("uploads", f"{offset}/{clip}", content).ref
        event = DecodeRequested(work=work(audio), run=f"0-{offset}", lane=lane)
        return Received(
            Partition("decodes", partition), offset, b"k", b"v", event=event, checkpoint=checkpoint, attempts=attempts
        )


def work(audio: ObjectRef) -> Work:
    slicing = SlicingOptions(max_chunk_s=4)
    return Work(
        work_id=WORK_ID,
        audio_id=AUDIO_ID,
        slice_id=slice_id(AUDIO_ID, slicing),
        audio=audio,
        model=ModelRef(name="demo", revision="r1"),
        slicing=slicing,
    )
