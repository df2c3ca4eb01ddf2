"""Recommendations: the cheapest settings that give the same words, and the default if nothing is clearly better."""

from dataclasses import replace

import pytest

from murmur.cli.tuning import report, verdict
from murmur.cli.tuning.figures import FULL, EncoderChoice, Figure, Measured, SideBySide
from murmur.cli.tuning.report import Report
from murmur.cli.tuning.verdict import Defaults, agrees
from murmur.word_errors import Score
from tests.unit.murmur.cli.tuning.fakes import figure, fit

SMALL = Defaults(FULL, 30.0, 2)
FITTED = Defaults(fit(5), 30.0, 2)
SAME = {FULL: figure(100), fit(2): figure(40), fit(5): figure(42), fit(8): figure(44)}


def measured(windows: dict[EncoderChoice, Figure]) -> Measured:
    return Measured(
        windows, True, {10.0: figure(50, errors=20), 30.0: figure(42)}, {1: SideBySide(10.0, 1.0), 2: SideBySide(19.0, 2.0)}
    )


@pytest.mark.parametrize(
    ("words", "errors", "is_same"),
    [(1000, 2, True), (1000, 3, False), (500, 1, True), (499, 1, True), (499, 2, False), (0, 1, True)],
)
def test_texts_agree_up_to_0_2_points_or_one_word(words: int, errors: int, is_same: bool) -> None:
    assert agrees(Score(words=words, invented=errors)) is is_same


@pytest.mark.parametrize(
    ("windows", "default", "best"),
    [
        (SAME, FULL, fit(5)),  # the usual margin, unless another is clearly cheaper
        (SAME, fit(8), fit(8)),
        ({**SAME, fit(2): figure(30)}, fit(5), fit(2)),
        ({**SAME, fit(2): figure(33)}, fit(5), fit(5)),
        ({**SAME, fit(2): figure(30, errors=3)}, fit(5), fit(5)),
        ({**SAME, fit(5): figure(42, errors=3)}, fit(5), fit(8)),
        ({choice: replace(each, cost_s=95) for choice, each in SAME.items()}, FULL, FULL),
        ({choice: replace(each, cost_s=95) for choice, each in SAME.items()}, fit(5), fit(5)),  # it does no harm
        ({**{fit(m): figure(40, errors=13) for m in (2, 5, 8)}, FULL: figure(100)}, fit(5), FULL),
        ({**SAME, FULL: figure(100, words=199), fit(5): figure(42, errors=50, words=199)}, fit(5), fit(5)),
    ],
)
def test_the_window(windows: dict[EncoderChoice, Figure], default: EncoderChoice, best: EncoderChoice) -> None:
    assert verdict.best_encoder(windows, default) == best


def test_a_shorter_chunk_limit_needs_the_same_words_for_clearly_less() -> None:
    assert verdict.best_limit({10.0: figure(30), 20.0: figure(35), 30.0: figure(42)}, 30.0) == 10.0
    assert verdict.best_limit({10.0: figure(30, errors=3), 20.0: figure(35), 30.0: figure(42)}, 30.0) == 20.0
    assert verdict.best_limit({10.0: figure(40), 30.0: figure(42)}, 30.0) == 30.0
    assert verdict.best_limit({}, 30.0) == 30.0


def test_fewer_replicas_than_cores_only_where_they_are_clearly_faster() -> None:
    one, two = SideBySide(10.0, 1.0), SideBySide(19.0, 2.0)
    assert verdict.best_replicas({1: one, 2: two, 4: SideBySide(18.9, 2.1)}, 4) == 4
    assert verdict.best_replicas({1: one, 2: two, 4: SideBySide(15.0, 4.0)}, 4) == 2
    assert verdict.best_replicas({}, 4) == 4
    assert verdict.best_replicas({}, None) is None


def test_replicas_that_had_less_cpu_than_fewer_of_them_are_not_compared() -> None:
    busy = Measured(SAME, True, {}, {1: SideBySide(11.0, 1.0), 2: SideBySide(9.0, 0.8)})
    found = verdict.of(busy, SMALL)
    assert (
        found.sentences[2]
        == "Replicas cannot be compared: something else used the CPU in the meantime. Measure again on a quiet machine."
    )
    assert "MURMUR_MODEL_REPLICAS" not in found.settings


def test_a_better_window_is_a_sentence_and_lines_to_copy() -> None:
    found = verdict.of(measured(SAME), SMALL)
    assert found.sentences == (
        "Use fit with a margin of 5 s: it gives the same words for 0.42 of the CPU of full.",
        "Use chunks of at most 30 s: no other limit gives the same words for clearly less.",
        "2 replicas transcribe 19.0 s of speech per second, 1.9 times as much as one.",
    )
    assert found.settings == {"MURMUR_ENCODER_WINDOW": "fit", "MURMUR_ENCODER_MARGIN_S": "5"}


def test_a_worse_default_is_replaced() -> None:
    worse = {**{fit(m): figure(40, errors=13) for m in (2, 5, 8)}, FULL: figure(100)}
    found = verdict.of(measured(worse), FITTED)
    assert found.sentences[0] == "Use full: fit changes 1.30 % of the words, even with the best margin, 2 s."
    assert found.settings == {"MURMUR_ENCODER_WINDOW": "full"}


def test_nothing_is_recommended_with_too_little_speech() -> None:
    little = {choice: figure(50, words=120) for choice in SAME}
    found = verdict.of(Measured(little, False, {30.0: figure(50, words=120)}), SMALL)
    assert found.sentences == (
        "Too little speech to compare encoder windows: 120 words, at least 200 are needed. Increase --minutes.",
        "Too little speech to compare chunk limits: 120 words, at least 200 are needed.",
        "Replicas were not measured: the time was too short. Increase --minutes.",
    )
    assert found.settings == {}


def test_more_time_is_not_suggested_when_all_recordings_were_used() -> None:
    little = {choice: figure(50, words=120) for choice in SAME}
    assert verdict.of(Measured(little), SMALL).sentences[0].endswith("All recordings were used: add more.")


def test_on_a_gpu_time_is_compared() -> None:
    found = verdict.of(Measured(SAME), replace(SMALL, replicas=None))
    assert found.sentences[0].endswith("0.42 of the time of full.")
    assert "not measured" in found.sentences[2]


def made(windows: dict[EncoderChoice, Figure], default: Defaults, now: dict[str, str] | None = None) -> Report:
    figures = measured(windows)
    return Report("small", 3, default, figures, verdict.of(figures, default), now or {})


def test_the_report_has_aligned_tables_then_sentences_then_settings() -> None:
    lines = list(report.lines(made({**SAME, fit(8): figure(44, errors=2)}, SMALL)))
    assert lines[0] == "small on 2 CPU cores: 1.7 minutes of speech in 3 files"
    head, full, *fitted = lines[2:7]
    assert full.split() == ["full", "(default)", "1.000", "1.00", "1.0", "x"]
    assert [line.split()[-4:] for line in fitted[1:]] == [["0", "(0.00", "%)", "0"], ["2", "(0.20", "%)", "0"]]
    assert {len(line) for line in fitted} == {len(head)}
    assert head.index("speed") + len("speed") == full.index("1.0 x") + len("1.0 x")
    assert lines[-3:] == ["Settings to copy:", "MURMUR_ENCODER_WINDOW=fit", "MURMUR_ENCODER_MARGIN_S=5"]


def test_differing_words_are_shown_without_calling_them_errors() -> None:
    windows = {**{fit(m): figure(40, errors=13) for m in (2, 5, 8)}, FULL: figure(100)}
    lines = list(report.lines(made(windows, SMALL)))
    at = lines.index("Differences, as full -> fit, 2 s (both make mistakes: full is not a reference text):")
    assert lines[at + 1] == "  word 0 -> world 0"
    assert "  and 5 more" in lines
    assert lines[-1] == "No settings are needed: the defaults of small are the best here."


def test_the_differences_of_a_rejected_default_are_shown() -> None:
    lines = list(report.lines(made({**SAME, fit(5): figure(42, errors=3)}, FITTED)))
    assert "Differences, as full -> fit, 5 s (both make mistakes: full is not a reference text):" in lines
    assert lines[-1] == "MURMUR_ENCODER_MARGIN_S=8"


def test_a_current_setting_that_is_not_recommended_is_named() -> None:
    lines = list(report.lines(made(SAME, FITTED, {"MURMUR_MAX_CHUNK_S": "10"})))
    assert lines[-1] == "Set now, but not recommended here: MURMUR_MAX_CHUNK_S=10"


def test_json_has_all_figures() -> None:
    found = report.as_json(made(SAME, SMALL))
    assert found["settings"] == {"MURMUR_ENCODER_WINDOW": "fit", "MURMUR_ENCODER_MARGIN_S": "5"}
    windows, replicas = found["windows"], found["replicas"]
    assert isinstance(windows, list)
    assert windows[2] == {
        "window": "fit",
        "margin_s": 5,
        "default": False,
        "cost_per_s": 0.42,
        "cost_of_reference": 0.42,
        "speed": 2.381,
        "chunks": 4,
        "refitted": 0,
        "words": 1000,
        "different": 0,
        "agrees": True,
        "differences": [],
    }
    assert replicas == [
        {"replicas": 1, "default": False, "speed": 10.0, "cores": 1.0},
        {"replicas": 2, "default": True, "speed": 19.0, "cores": 2.0},
    ]
