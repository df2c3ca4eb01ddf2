"""Rules on texts: what each kind does, in which order, for whom, and what happens to one that takes too long."""

import itertools

import pytest

from processors.corrector import rules, rules_file
from processors.corrector.rules import Applied, Rules

HERE = "default"


def applied(yaml: str, *texts: str, language: str | None = "en", owner: str = HERE) -> Applied:
    return Rules(rules_file.parse(yaml)).apply(texts, [language] * len(texts), owner)


def corrected(rule: str, *texts: str, language: str | None = "en") -> list[str]:
    return list(applied(f"rules:\n  - {rule}\n", *texts, language=language).texts)


@pytest.mark.parametrize(
    ("rule", "language", "before", "after"),
    [
        ("{pattern: 'colou?r', replace: hue}", "en", "Color or colour.", "Color or hue."),
        ("{pattern: 'colou?r', replace: hue, ignore_case: true}", "en", "Color or colour.", "hue or hue."),
        (r"{pattern: '(\w+) (?P<b>\w+)', replace: '\g<b> \1'}", "en", "one two", "two one"),
        (r"{pattern: '\b(um|uh),? ', replace: ''}", "en", "um, well uh yes", "well yes"),
        ("{words: {kafka: Kafka}}", "en", "kafka, KAFKA and kafkas", "Kafka, Kafka and kafkas"),
        ("{words: {new york: NY, york: York}}", "en", "New  York is not york", "NY is not York"),
        ("{words: {c++: C plus plus}}", "en", "in c++ we", "in C plus plus we"),
        ("{words: {東京: Tokyo}}", "ja", "私は東京にいます", "私はTokyoにいます"),
        ("{words: {'no': nei}}", "no", "no", "nei"),
        ("{numbers: digits}", "en", "three hundred and five people and one dog", "305 people and one dog"),
        ("{numbers: digits}", "pt", "vinte e um gatos", "21 gatos"),
        ("{numbers: digits}", "ja", "twenty one", "twenty one"),
        ("{numbers: digits}", None, "twenty one", "twenty one"),
        ("{casing: sentences}", "en", "hello there. is it me? “yes.” it is", "Hello there. Is it me? “Yes.” It is"),
        (
            "{casing: sentences}",
            "en",
            "at 5 p.m. today mr. smith came. e.g. he ate.",
            "At 5 p.m. today mr. smith came. E.g. he ate.",
        ),
        ("{casing: sentences}", "en", "so i said, i'm here (i) i.e. i", "So I said, I'm here (i) i.e. I"),
        ("{casing: sentences}", "it", "i gatti e i cani", "I gatti e i cani"),
        ("{casing: sentences}", "de", "am 21. mai z. B. war es. gut", "Am 21. mai z. B. war es. Gut"),
        ("{casing: sentences}", "en", "it was 21. then we left", "It was 21. Then we left"),
        ("{casing: sentences}", "es", "¿qué? ¡nada!", "¿Qué? ¡Nada!"),
        ("{casing: lower}", "en", "HELLO", "hello"),
        ("{casing: upper}", "de", "straße", "STRASSE"),
        ("{punctuation: tidy}", "en", "well ,yes ; no !!  3.5 a.m. and", "well, yes; no! 3.5 a.m. and."),
        ("{punctuation: tidy}", "fr", "vraiment ? oui , bien", "vraiment ? oui, bien."),
        ("{punctuation: tidy}", "ja", "そうです", "そうです。"),
        ("{punctuation: remove}", "en", "it's 3.5, well-known (yes)!", "it's 3.5 well-known yes"),
    ],
)
def test_what_a_rule_makes_of_a_text(rule: str, language: str | None, before: str, after: str) -> None:
    assert corrected(rule, before, language=language) == [after]


def test_a_segment_that_continues_a_sentence_begins_small() -> None:
    assert corrected("{casing: sentences}", "we went to", "the sea. it was", "", "cold.", "really.") == [
        "We went to",
        "the sea. It was",
        "",
        "cold.",
        "Really.",
    ]


def test_a_segment_after_an_abbreviation_begins_small() -> None:
    assert corrected("{casing: sentences}", "we meet at 5 p.m.", "today.", "fine") == ["We meet at 5 p.m.", "today.", "Fine"]


def test_a_number_that_may_go_on_in_the_next_segment_stays_words() -> None:
    texts = ["it was nineteen", "ninety nine", "", "people. twenty", "came"]
    assert corrected("{numbers: digits}", *texts) == ["it was nineteen", "ninety nine", "", "people. 20", "came"]


def test_only_the_last_segment_gets_a_full_stop() -> None:
    assert corrected("{punctuation: tidy}", "we went to", "the sea", "") == ["we went to", "the sea.", ""]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["we use mini", "o here", "and mini o"], ["we use MinIO", "here", "and MinIO"]),
        (["the united", "states", "of america, and", "united"], ["the USA", "", ", and", "united"]),
        (["mini", "", "o"], ["mini", "", "o"]),
        (["gemini", "o mini", "oo"], ["gemini", "o mini", "oo"]),
        (["mini\u2029o", "mini", "o"], ["MinIO", "MinIO", ""]),
    ],
)
def test_what_a_phrase_of_two_segments_becomes_is_in_the_first(before: list[str], after: list[str]) -> None:
    assert corrected("{words: {mini o: MinIO, united states of america: USA}}", *before) == after


def test_a_phrase_does_not_reach_into_a_segment_that_the_rule_is_not_for() -> None:
    rule = Rules(rules_file.parse("rules: [{words: {mini o: MinIO}, languages: [en]}]"))
    assert rule.apply(["mini", "o", "mini", "o"], ["en", "pt", "en", "en"], HERE).texts == ("mini", "o", "MinIO", "")


def test_a_pattern_sees_one_segment() -> None:
    assert corrected(r"{pattern: '^(\w+)\s*(.*)$', replace: '\2 \1'}", "one two", "three") == ["two one", "three"]


def test_rules_are_applied_in_their_order_to_their_languages_and_owners() -> None:
    yaml = """
    rules:
      - {name: first, pattern: a, replace: b}
      - {name: english, languages: [English], pattern: b, replace: c}
      - {name: portuguese, languages: [pt-BR], pattern: b, replace: d}
      - {name: ana's, owners: [ana], pattern: c, replace: e}
      - {name: none, pattern: z, replace: y}
    """
    assert applied(yaml, "a") == Applied(("c",), ("first", "english"))
    assert applied(yaml, "a", language="pt") == Applied(("d",), ("first", "portuguese"))
    assert applied(yaml, "a", owner="ana") == Applied(("e",), ("first", "english", "ana's"))
    both = Rules(rules_file.parse(yaml)).apply(["a", "a"], ["en", "pt"], HERE)
    assert both.texts == ("c", "d")


def test_a_catastrophic_pattern_is_left_out_and_the_others_are_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "RULE_S", 0.05)
    yaml = "rules:\n  - {name: bad, pattern: '(a|aa)+$', replace: b}\n  - {name: good, casing: upper}\n"
    result = applied(yaml, "fine", "a" * 100 + "!")
    assert result.texts == ("FINE", "A" * 100 + "!")
    assert result.changed == ("good",)
    assert list(result.failed) == ["bad"]


def test_time_is_limited_over_all_segments() -> None:
    clock = itertools.count(0, rules.RULE_S / 2)
    result = Rules(rules_file.parse("rules: [{casing: upper}]"), lambda: next(clock)).apply(["a"] * 4, ["en"] * 4, HERE)
    assert (result.texts, list(result.failed)) == (("a",) * 4, ["rule 1"])


def test_time_is_limited_over_all_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "RULES_S", 0.1)
    bad = "".join(f"  - {{name: bad {number}, pattern: '(a|aa)+$', replace: b}}\n" for number in range(1000))
    result = applied(f"rules:\n{bad[:-1]}", "a" * 100 + "!")
    assert list(result.failed) == ["bad 0"]
    assert result.left_out == 999


def test_rules_end_with_the_time_of_the_request() -> None:
    clock = itertools.count(0.0, 0.1)
    made = Rules(rules_file.parse("rules: [{casing: upper}, {casing: lower}]"), lambda: next(clock))
    assert made.apply(["a"], ["en"], HERE, until_s=0.25) == Applied(("A",), ("rule 1",), {}, left_out=1)


def test_a_long_text_has_more_time() -> None:
    clock = itertools.count(0, rules.RULE_S / 2)
    texts = ["a" * rules.LONG_CHARS] * 4
    result = Rules(rules_file.parse("rules: [{casing: upper}]"), lambda: next(clock)).apply(texts, ["en"] * 4, HERE)
    assert result.failed == {}


def test_a_rule_that_lets_a_text_grow_is_left_out() -> None:
    result = applied("rules: [{name: grow, pattern: '', replace: aaaaaaaaaaaaaaaaaaaa}]", "b" * 1000)
    assert result.texts == ("b" * 1000,)
    assert "too long" in result.failed["grow"]


def test_the_version_is_that_of_the_rules_that_apply() -> None:
    yaml = "rules:\n  - {languages: [en], casing: upper}\n  - {languages: [pt], owners: [ana], casing: lower}\n"
    english, other = Rules(rules_file.parse(yaml)), Rules(rules_file.parse(yaml.replace("lower", "sentences")))
    assert english.version(HERE, ["en"]) == other.version(HERE, ["en"]) != english.version(HERE, ["de"])
    assert english.version(HERE, ["de"]) is None
    assert english.version(HERE, ["pt"]) is None
    assert english.version("ana", ["pt"]) != other.version("ana", ["pt"])
    assert english.version("ana", ["pt", "en"]) != english.version("ana", ["en"])
