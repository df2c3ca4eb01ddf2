"""Names that are derived: equal for equal content and options, different for all that changes the text."""

import pytest

from runtime import identity
from runtime.effective_options import EffectiveOptions
from schemas.options import DecodingOptions, ModelRef, SlicingOptions
from schemas.record import ObjectRef

AUDIO_ID = "ab" * 32
AUDIO = ObjectRef(bucket="uploads", key="a.wav")
OPTIONS = EffectiveOptions(ModelRef(name="demo", revision="1"), DecodingOptions(), SlicingOptions())


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert identity.digest({"a": 1, "b": 2}) == identity.digest({"b": 2, "a": 1})


def test_the_same_content_under_another_name_is_the_same_work() -> None:
    elsewhere = ObjectRef(bucket="work", key="uploads/1", etag="x", size_bytes=7)
    assert identity.plan(AUDIO_ID, AUDIO, OPTIONS, "ada").work_id == identity.plan(AUDIO_ID, elsewhere, OPTIONS, "ada").work_id


@pytest.mark.parametrize(
    "options",
    [
        EffectiveOptions(ModelRef(name="demo", revision="2"), OPTIONS.decoding, OPTIONS.slicing),
        EffectiveOptions(ModelRef(name="other", revision="1"), OPTIONS.decoding, OPTIONS.slicing),
        EffectiveOptions(OPTIONS.model, DecodingOptions(language="pt"), OPTIONS.slicing),
        EffectiveOptions(OPTIONS.model, DecodingOptions(task="translate"), OPTIONS.slicing),
        EffectiveOptions(OPTIONS.model, DecodingOptions(words=True), OPTIONS.slicing),
        EffectiveOptions(OPTIONS.model, DecodingOptions(beam_size=1), OPTIONS.slicing),
        EffectiveOptions(OPTIONS.model, OPTIONS.decoding, SlicingOptions(max_chunk_s=10)),
    ],
    ids=["revision", "model", "language", "task", "words", "beam", "slicing"],
)
def test_all_that_changes_the_text_makes_another_work(options: EffectiveOptions) -> None:
    assert identity.plan(AUDIO_ID, AUDIO, options, "ada").work_id != identity.plan(AUDIO_ID, AUDIO, OPTIONS, "ada").work_id


@pytest.mark.parametrize("shared", [False, True])
def test_owners_share_works_decoded_audio_and_uploads_only_where_that_is_asked_for(shared: bool) -> None:
    ada, bob = (identity.plan(AUDIO_ID, AUDIO, OPTIONS, owner, shared=shared) for owner in ("ada", "bob"))
    assert (ada.work_id == bob.work_id) == (ada.slice_id == bob.slice_id) == shared
    contents = [identity.content_id(AUDIO_ID, None if shared else owner) for owner in ("ada", "bob")]
    assert (contents[0] == contents[1]) == shared


def test_the_cut_depends_on_content_owner_and_slicing_only() -> None:
    other = EffectiveOptions(ModelRef(name="other", revision="9"), DecodingOptions(language="pt"), OPTIONS.slicing)
    assert identity.plan(AUDIO_ID, AUDIO, other, "ada").slice_id == identity.plan(AUDIO_ID, AUDIO, OPTIONS, "ada").slice_id
    assert identity.slice_id(AUDIO_ID, SlicingOptions(max_chunk_s=10)) != identity.slice_id(AUDIO_ID, SlicingOptions())
    assert identity.slice_id("cd" * 32, SlicingOptions()) != identity.slice_id(AUDIO_ID, SlicingOptions())


def test_the_same_drop_is_the_same_job_and_a_new_version_is_another() -> None:
    first = identity.drop_job_id("uploads", "a.wav", "etag-1", AUDIO_ID)
    assert first == identity.drop_job_id("uploads", "a.wav", "etag-1", AUDIO_ID)
    others = [
        ("results", "a.wav", "etag-1", AUDIO_ID),
        ("uploads", "b.wav", "etag-1", AUDIO_ID),
        ("uploads", "a.wav", "etag-2", AUDIO_ID),
        ("uploads", "a.wav", "etag-1", "f" * 64),
    ]
    assert first not in {identity.drop_job_id(*other) for other in others}


def test_ids_do_not_change_from_release_to_release() -> None:
    """Stored transcripts and jobs are found by these names: a change must be deliberate (PIPELINE_VERSION)."""
    assert (
        identity.plan(AUDIO_ID, AUDIO, OPTIONS, "default").work_id
        == "2007cac60b410a19a292ed9adc09db486688da528a5ec0166d1af15e3573ba30"
    )
    assert str(identity.drop_job_id("uploads", "a.wav", "1", AUDIO_ID)) == "d7e98bbd-7a27-5523-9105-7d1d367c1172"
