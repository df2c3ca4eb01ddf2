"""Words of texts and queries in the form in which they are compared."""

import pytest

from producers.gateway.search.words import expression, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("L'été à São Paulo: ÇA!", ["l", "ete", "a", "sao", "paulo", "ca"]),
        ("Straße, ﬁne, İstanbul", ["strasse", "fine", "istanbul"]),
        ("CO2 is 3.5%", ["co2", "is", "3", "5"]),
        ("東京タワー is high", ["東", "京", "タ", "ワ", "ー", "is", "high"]),
        ("ガス", ["ガ", "ス"]),
        ("한국어 말", ["한국어", "말"]),
        ("हिन्दी कु", ["हिन्दी", "कु"]),
        ("שָׁלוֹם مُحَمَّد", ["שלום", "محمد"]),
        ("—", []),
    ],
)
def test_words_have_no_case_no_accents_and_no_punctuation(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_a_text_is_found_however_its_accents_are_encoded() -> None:
    assert words("e\u0301te\u0301") == words("\u00e9t\u00e9")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Budget plan", '"budget" * AND "plan" *'),
        ('"the Board" meets', '"the board" AND "meets" *'),
        ("don't", '"don t"'),
        ("e-mail", '"e mail" *'),
        ("東京", '"東 京"'),
        ('"half quoted', '"half quoted"'),
        ("a OR b NOT (c*) ^d col:e", '"a" AND "or" * AND "b" AND "not" * AND "c" AND "d" AND "col e"'),
        ('!? "" "', None),
    ],
)
def test_a_query_is_all_of_its_words_and_no_syntax_of_the_index(query: str, expected: str | None) -> None:
    assert expression(query) == expected
