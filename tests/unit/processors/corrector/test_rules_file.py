"""The file of rules: what is wrong with it is said with line and rule, and a broken new version changes nothing."""

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from processors.corrector import rules_file
from processors.corrector.rule_book import LOOK_S, RuleBook
from processors.corrector.rules_file import BadRules
from runtime import metrics
from tests.scraped import Scrape

GOOD = "rules:\n  - {name: shout, casing: upper}\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rules: []\n]", "line 2: not YAML"),
        ("rules:\n  - {name: a, casing: loud}", "line 2, rule 'a': casing: Input should be"),
        (
            "rules:\n  - casing: upper\n  - name: b\n    pattern: '(a'\n    replace: x",
            "line 3, rule 'b': not a regular expression",
        ),
        ("rules:\n  - {pattern: a, replace: '\\2'}", "line 2, rule 1: `replace` does not fit"),
        ("rules:\n  - {pattern: '(?x)a # b', replace: '\\2'}", "`replace` does not fit"),
        ("rules:\n  - {pattern: a}", "line 2, rule 1: `pattern` and `replace` belong together"),
        ("rules:\n  - {casing: upper, numbers: digits}", "rule 1: a rule has exactly one of"),
        ("rules:\n  - {name: c}", "rule 'c': a rule has exactly one of"),
        ("rules:\n  - {casing: upper, langauges: [en]}", "line 2, rule 1: langauges: Extra inputs"),
        ("rules:\n  - casing: upper\n    languages: [klingon]", "line 3, rule 1: languages.0"),
        ("rules:\n  - casing: upper\n    languages: [auto]", "line 3, rule 1: languages.0"),
        ("rules:\n  - words: {}", "line 2, rule 1: between 1 and"),
        ("rules:\n  - words:\n      a: b\n      a: c", "line 4: the key 'a' is there twice"),
        ("rules:\n  - &a {casing: upper}\n  - *a", "line 2: aliases"),
        ("rules:\n  - words: {[a]: b}", "line 2: a key is not a text"),
        ("rule: []", "line 1: Extra inputs are not permitted"),
        ("- casing: upper", "line 1"),
        ("\x00", "not YAML"),
    ],
)
def test_an_error_names_line_and_rule(content: str, message: str) -> None:
    with pytest.raises(BadRules) as error:
        rules_file.parse(content, "rules.yaml")
    assert str(error.value).startswith("rules.yaml")
    assert message in str(error.value)


def test_an_empty_file_has_no_rules() -> None:
    assert rules_file.parse("") == rules_file.parse("rules: []") == ()


def test_every_value_is_a_text() -> None:
    (rule,) = rules_file.parse("rules: [{words: {no: yes, on: 12, ~: null}, languages: [no]}]")
    assert rule.words == {"no": "yes", "on": "12", "~": "null"}
    assert rule.languages == ("no",)


def test_files_that_are_missing_large_or_not_utf8_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    with pytest.raises(BadRules, match="No such file"):
        rules_file.read(file)
    file.write_bytes(b"rules: [{name: \xff}]")
    with pytest.raises(BadRules, match="UTF-8"):
        rules_file.read(file)
    file.write_bytes(b"#" * (rules_file.SIZE_MAX_BYTES + 1))
    with pytest.raises(BadRules, match="larger"):
        rules_file.read(file)


def is_broken() -> float:
    return Scrape(metrics.exposition().decode()).total("murmur_correction_rules_broken")


class Book:
    """A rule book on a file, at a time that passes when the test says so."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.now_s = 0.0
        self.book = RuleBook(file, lambda: self.now_s)

    def write(self, content: str) -> None:
        temporary = self.file.with_suffix(".new")
        temporary.write_text(content)
        os.replace(temporary, self.file)  # noqa: PTH105 - as an editor does

    def text(self) -> str:
        self.now_s += LOOK_S
        return self.book.current().apply(["Hello"], ["en"], "default").texts[0]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    made = Book(tmp_path / "rules.yaml")
    made.write(GOOD)
    made.book.load()
    return made


def test_a_changed_file_is_read_again(book: Book) -> None:
    assert book.text() == "HELLO"
    book.write(GOOD.replace("upper", "lower"))
    assert book.text() == "hello"
    assert book.book.problem is None


def test_a_broken_new_version_changes_nothing_and_is_reported_once(book: Book) -> None:
    with capture_logs() as logs:
        book.write("rules: [{casing: loud}]")
        assert [book.text(), book.text()] == ["HELLO", "HELLO"]
    assert [each["event"] for each in logs] == ["rules.rejected"]
    assert "line 1, rule 1" in str(book.book.problem)
    assert is_broken() == 1
    book.write(GOOD)
    assert book.text() == "HELLO"
    assert book.book.problem is None
    assert is_broken() == 0


def test_a_deleted_file_changes_nothing(book: Book) -> None:
    book.file.unlink()
    assert book.text() == "HELLO"
    assert "cannot be read" in str(book.book.problem)


def test_a_stage_does_not_start_with_broken_rules(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules: [{casing: loud}]")
    with pytest.raises(BadRules, match="rule 1"):
        RuleBook(file).load()
