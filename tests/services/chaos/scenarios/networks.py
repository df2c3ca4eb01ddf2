"""The network is broken and not what it connects: nothing arrives, or only one way, slowly, with errors, in part."""

import hashlib

from tests.services.chaos import clips
from tests.services.chaos.bench import Bench, Row
from tests.services.chaos.checker import slowest_among
from tests.services.chaos.nemesis import Nemesis, given
from tests.services.chaos.recorder import Fault, Requested
from tests.services.chaos.trial import trial
from tests.services.chaos.wire import Damage
from tests.services.running import plain_s3

CUT_S = 120.0
PARTITIONS = {"broker cut off": Damage(asks=False, answers=False), "broker's answers lost": Damage(answers=False)}
TAKEN_OVER_S = 30.0
AFTER_S = 30.0  # by then everybody takes part again
BAD_STORE = (
    ("store cut off", Damage(asks=False, answers=False), 60.0),
    ("store answers 500", Damage(errors=True), 20.0),
    ("store at 1 kB/s", Damage(bytes_per_s=1000), 20.0),
    ("store resets after 150 kB", Damage(reset_after_bytes=150_000), 30.0),
)


def cut_from_the_broker(bench: Bench) -> Row:
    """The first of every stage: for two minutes no byte comes through, then for two minutes none of the broker's."""
    found: list[str] = []
    late: list[str] = []
    with trial(bench.cluster, bench.seed, bench.folder / "cut.jsonl", rate=0.5) as run:
        nemesis = Nemesis(bench.cluster, run.recorder)
        for number, (what, damage) in enumerate(PARTITIONS.items()):
            run.submit(bench.numbers(int(CUT_S / 2), int(number * CUT_S)))
            nemesis.spoil(given(bench.wire), what, damage, CUT_S)
            repaired_s = run.recorder.now_s()
            bench.cluster.wait_ready()
            run.wait_ended()
            cut_s = next(e.at_s for e in run.recorder.entries if isinstance(e, Fault) and e.what == what)
            taken_s, back_s = slowest_among(run.recorder.entries, cut_s, cut_s + CUT_S / 2), run.recorder.now_s() - repaired_s
            found.append(f"{what}: slowest job {taken_s:.1f} s, all ready and done {back_s:.1f} s after the repair")
            late += [f"{what}: a job took {taken_s:.1f} s"] if taken_s > TAKEN_OVER_S else []
            late += [f"{what}: all ready again after {back_s:.1f} s"] if back_s > AFTER_S else []
        verdict = run.verdict()
    remark = f"{verdict.figures.refused} refused; " + "; ".join(found)
    return Row("half of the stages cut off from the broker, 2 min both ways, 2 min one way", verdict, remark, tuple(late))


def bad_way_to_the_store(bench: Bench) -> Row:
    """Submitted and dropped files meet a store that is there, and cannot be reached as it should."""
    wire = given(bench.wire)
    s3 = plain_s3(given(bench.store).settings())
    with trial(bench.cluster, bench.seed, bench.folder / "bad-store.jsonl", rate=0.5) as run:
        nemesis = Nemesis(bench.cluster, run.recorder)
        for number, (what, damage, for_s) in enumerate(BAD_STORE):
            start = 100 * number
            run.submit(bench.numbers(10, start))
            for dropped in bench.numbers(10, start + 50):
                s3.put_object(Bucket="uploads", Key=clips.name(dropped), Body=clips.audio(clips.name(dropped)))
                run.dropped += 1
            nemesis.spoil(wire, what, damage, for_s)
        repaired_s = run.recorder.now_s()
        verdict = run.verdict()
        after_s = max(entry.at_s for entry in run.recorder.entries) - repaired_s
        requests = [entry for entry in run.recorder.entries if isinstance(entry, Requested)]
    wrong = [f"{r.job_id} ({r.content}) was hashed in part" for r in requests if r.audio_id != _sha256(r.content)]
    faults = f"{wire.refusals} requests answered 500, {wire.resets} connections reset"
    remark = f"{verdict.figures.refused} submissions refused; {faults}; all done {after_s:.0f} s after the repair"
    title = "store cut off 60 s, 500s 20 s, 1 kB/s 20 s, resets in the middle of a body 30 s"
    return Row(title, verdict, remark, (*wrong, *bench.cluster.crashes()))


def _sha256(content: str) -> str:
    return hashlib.sha256(clips.audio(content)).hexdigest()
