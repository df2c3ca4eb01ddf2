"""The transcriber as a handler: what it begins, what it answers, and what it leaves alone.

The engine is a stand-in that can be held, killed or made to refuse; the real one is in tests/contract/test_engine.py.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from processors.transcriber.batching import Filling
from processors.transcriber.engine import Window, WindowText
from processors.transcriber.held import Held
from processors.transcriber.kept_results import KeptResults
from processors.transcriber.residents import Residents
from processors.transcriber.stage import Transcriber
from runtime.errors import Invalid, UsageError
from runtime.kafka.messages import Partition
from runtime.objects import StoreUnavailable
from runtime.objects.directory import DirectoryStore
from runtime.work_folders import WorkFolders
from schemas.options import ModelRef
from tests.unit.processors.transcriber.bench import MODEL, SECOND, Revoked, StandIn, System, text
from tests.waiting import DEADLINE_S, wait_until


def test_no_record_is_taken_before_the_model_has_warmed_up(tmp_path: Path) -> None:
    loading = threading.Event()

    def load(_model: ModelRef, _on_cpu: bool) -> StandIn:
        assert loading.wait(DEADLINE_S)
        return StandIn()

    handler = Transcriber([MODEL], DirectoryStore({"work": tmp_path}), Revoked(), Residents[Held](MODEL, load))
    list(handler.handle([]))
    assert handler.not_ready() == "the model is loading"
    assert handler.room("chunks.bulk") == handler.room("chunks.interactive") == 0
    loading.set()
    wait_until(lambda: [*handler.handle([])] == [] and handler.not_ready() is None, "the engine")
    assert handler.room("chunks.bulk") == 4
    handler.close()


def test_a_record_that_comes_before_the_model_is_loaded_waits_for_it(tmp_path: Path) -> None:
    loaded = threading.Event()
    system = System(tmp_path, StandIn(warm=loaded))
    system.engine.gate.set()
    record = system.chunk()
    system.turn(record)
    for _ in range(20):
        system.turn()
        loaded.wait(0.005)  # time for its audio, if it had been requested
    assert system.handler.not_ready() is not None
    assert system.steps == []
    loaded.set()
    system.until(system.settled, "the chunk")
    assert system.kinds() == ["chunk.transcribed"]
    system.handler.close()


def test_a_model_that_cannot_be_loaded_ends_the_stage(tmp_path: Path) -> None:
    def load(_model: ModelRef, _on_cpu: bool) -> StandIn:
        raise UsageError("no such model")

    handler = Transcriber([MODEL], DirectoryStore({"work": tmp_path}), Revoked(), Residents[Held](MODEL, load))

    def ended() -> bool:
        try:
            list(handler.handle([]))
        except UsageError:
            return True
        return False

    wait_until(ended, "the error")
    handler.close()


def test_a_chunk_is_begun_then_answered_in_the_files_time_and_settled_with_its_answer(system: System) -> None:
    record = system.chunk()
    system.turn(record)
    system.until(system.settled, "the chunk")
    steps = [step for step in system.steps if step.begins or step.settles]
    assert [list(step.begins) for step in steps] == [[record], []]
    assert steps[1].settles is record
    assert steps[1].outputs[0].topic.name == "chunk-results"
    assert steps[1].outputs[0].key == "a" * 64
    (answer,) = system.answers()
    assert answer.segments[0].start == 1.0
    assert answer.segments[0].text == "16000 samples"


def test_work_does_not_start_before_its_step_was_taken_in(system: System) -> None:
    record = system.chunk()
    system.turn(record)

    def begun() -> bool:
        for step in system.handler.handle([]):
            if step.begins:
                assert system.engine.batches == []
                return True  # the generator is left here: the stage has ended
        return False

    wait_until(begun, "the step")
    assert system.engine.batches == []


def test_room_shrinks_with_what_is_in_flight_of_that_lane(system: System) -> None:
    system.engine.gate.clear()
    system.turn(*[system.chunk("bulk") for _ in range(3)])
    assert (system.handler.room("chunks.bulk"), system.handler.room("chunks.interactive")) == (1, 4)


def test_missing_audio_is_reported_as_lost(system: System) -> None:
    system.turn(system.chunk(audio=False))
    system.until(system.settled, "the chunk")
    assert system.kinds() == ["chunk.lost"]
    assert system.begun() == []


def test_audio_that_is_not_what_the_slicer_has_published_is_lost_and_not_transcribed(system: System) -> None:
    pcm = SECOND.tobytes()
    right, wrong = hashlib.sha256(pcm).hexdigest(), hashlib.sha256(b"of another content").hexdigest()
    system.turn(system.chunk(audio_sha256=wrong), same := system.chunk(audio_sha256=right))
    system.until(lambda: len(system.settled()) == 2, "both")
    assert sorted(system.kinds()) == ["chunk.lost", "chunk.transcribed"]
    assert system.begun() == [same]
    assert next(answer.audio_sha256 for answer in system.answers() if answer.kind == "chunk.transcribed") == right


def test_audio_that_is_not_pcm_fails_the_work(system: System) -> None:
    record = system.chunk()
    system.store.put("work", f"chunks/{record.offset}", b"odd")
    system.turn(record)
    system.until(system.settled, "the chunk")
    (answer,) = system.answers()
    assert answer.failure.reason == "corrupt_audio"


def test_an_unavailable_store_is_retried_later_and_the_chunk_kept(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    get = system.store.get

    def away(bucket: str, key: str) -> bytes:
        calls.append(key)
        if len(calls) < 3:
            raise StoreUnavailable("away")
        return get(bucket, key)

    monkeypatch.setattr(system.store, "get", away)
    system.turn(system.chunk())
    system.until(lambda: calls, "the first try")
    for tries in (1, 2):
        system.until(lambda: all(held.fetch is None for held in system.handler._held.values()), "the refusal")
        system.turn()
        assert len(calls) == tries, "it is not retried before its time"
        system.now_s += 10
        system.until(partial(lambda tries: len(calls) > tries, tries), "the next try")
    system.until(system.settled, "the chunk")
    assert system.kinds() == ["chunk.transcribed"]


def test_a_revoked_run_is_settled_without_an_answer(system: System) -> None:
    system.revoked.runs.add(("a" * 64, "0-1"))
    record = system.chunk()
    system.turn(record, other := system.chunk(work="c"))
    system.until(lambda: len(system.settled()) == 2, "both")
    assert system.begun() == [other]
    assert system.kinds() == ["chunk.transcribed"]


def test_a_run_that_is_revoked_while_it_waits_is_not_begun(system: System) -> None:
    system.engine.gate.clear()
    system.turn(*[system.chunk(work="c") for _ in range(2)])
    system.until(lambda: len(system.begun()) == 2, "both replicas to be busy")
    late = system.chunk()
    system.turn(late)
    system.revoked.runs.add(("a" * 64, "0-1"))
    system.turn()
    assert system.settled() == [late], "at once, although no replica is free"
    assert late not in system.begun()
    system.engine.gate.set()


def test_the_audio_of_a_revoked_run_is_not_fetched(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(system.store, "get", lambda bucket, key: fetched.append(key))
    system.revoked.runs.add(("a" * 64, "0-1"))
    system.turn(system.chunk())
    assert len(system.settled()) == 1
    assert fetched == []


def test_a_model_that_is_not_served_stops_the_stage(system: System) -> None:
    with pytest.raises(UsageError, match=r"serves demo at 1; a chunk requires demo at 2"):
        system.turn(system.chunk(model=ModelRef(name="demo", revision="2")))


def test_what_outlived_a_worker_runs_alone(system: System) -> None:
    system.engine.gate.clear()
    suspects = [system.chunk(attempts=1) for _ in range(2)]
    system.turn(*suspects, system.chunk("interactive"))
    system.until(system.begun, "the first")
    for _ in range(5):
        system.turn()
    assert system.begun() == suspects[:1]
    system.engine.gate.set()
    system.until(lambda: len(system.settled()) == 3, "all")
    assert system.begun()[:2] == suspects
    assert system.engine.batches == [1, 1, 1]


def test_what_killed_three_workers_is_not_begun_again(system: System) -> None:
    record = system.chunk(attempts=3)
    (step,) = system.turn(record)
    assert step.settles is record
    (answer,) = system.answers()
    assert answer.failure.reason == "crashes_engine"


def test_what_the_engine_finds_invalid_fails_its_work_and_spares_its_batch(tmp_path: Path) -> None:
    def refuse(batch: Sequence[Window]) -> None:
        if any(len(window.samples) == 8 for window in batch):
            raise Invalid("corrupt_audio", "not that one")

    system = System(tmp_path, StandIn(replicas=1, batch_size=4, wrong=refuse)).start()
    records = [system.chunk() for _ in range(4)]
    system.store.put("work", f"chunks/{records[1].offset}", bytes(16))
    system.turn(*records)
    system.until(lambda: all(held.windows for held in system.handler._held.values()), "all audio")
    system.engine.gate.set()
    system.until(lambda: len(system.settled()) == 4, "all")
    assert sorted(system.kinds()) == ["chunk.transcribed"] * 3 + ["work.failed"]
    system.handler.close()


def test_a_batch_waits_for_more_chunks_where_that_is_set(tmp_path: Path) -> None:
    system = System(tmp_path, StandIn(replicas=1, batch_size=3)).start()
    wakes: list[float] = []
    system.handler.filling = Filling(0.5, wakes.append, lambda: system.now_s)
    system.engine.gate.set()
    system.turn(system.chunk())
    system.until(lambda: wakes, "the first chunk to wait")
    assert not system.begun()
    system.turn(system.chunk(), system.chunk())
    system.until(lambda: len(system.settled()) == 3, "all chunks")
    assert system.engine.batches == [3]


@pytest.mark.parametrize("wrong", [lambda batch: [], lambda batch: [text("a")] * (len(batch) + 1)])
def test_a_wrong_number_of_texts_ends_the_stage(system: System, wrong: Callable[[Sequence[Window]], list[WindowText]]) -> None:
    system.engine.wrong = wrong
    system.turn(system.chunk())
    with pytest.raises(RuntimeError, match="texts for 1 windows"):
        system.until(system.settled, "the error")


def test_what_a_lost_partition_had_in_flight_is_dropped(system: System) -> None:
    system.engine.gate.clear()
    system.turn(system.chunk("bulk"), kept := system.chunk("interactive"))
    system.until(lambda: len(system.begun()) == 2, "both")
    system.handler.on_revoke([Partition("chunks.bulk", 0)])
    system.engine.gate.set()
    system.until(system.settled, "the other")
    system.until(lambda: not system.residents.busy, "both to end")
    assert system.settled() == [kept]
    assert len(system.answers()) == 1


def test_a_kept_result_answers_a_later_run_without_inference(system: System, tmp_path: Path) -> None:
    folders = WorkFolders(tmp_path / "chunk-results")
    folders.open("a" * 64)
    system.handler.kept = KeptResults(folders)
    record = system.chunk()
    system.turn(record)
    system.until(system.settled, "the chunk")
    later = replace(record, offset=record.offset + 1, event=record.event.model_copy(update={"run": "0-9", "index": 4}))
    system.turn(later)
    system.until(lambda: len(system.settled()) == 2, "the later run")
    first, second = system.answers()
    assert first.inference_s > 0
    assert second == first.model_copy(update={"inference_s": 0.0, "index": 4})
    assert system.engine.batches == [1]


def test_silence_has_no_language(system: System) -> None:
    system.engine.wrong = lambda batch: [WindowText("cy", 0.4, read_to_s=1.0, at_rest=True)]
    system.turn(system.chunk())
    system.until(system.settled, "the chunk")
    (answer,) = system.answers()
    assert answer.language is None
