"""Numbers that share a scale, or that may be one number: `two or three hundred`, `veinte y seis mil`, `three million two`."""

import pytest

from processors.corrector.number_words import LANGUAGES
from processors.corrector.numbers import digits

DIGITS = """
de | zwei Milliarden fünf Millionen | 2005000000
fr | deux milliards cinq millions | 2005000000
de | fünf oder sechs Millionen | 5 oder 6 Millionen
de | fünf Hunde und dreihundert Katzen | 5 Hunde und 300 Katzen
de | zwei Millionen fünftausend | 2005000
en | in fourteen ninety two | in 1492
en | five to six million | 5 to 6 million
en | two or three million people | 2 or 3 million people
en | ten to five thousand | 10 to 5000
en | twenty or three hundred | 20 or 300
en | five hundred or six thousand | 500 or 6000
en | two hundred to three hundred | 200 to 300
en | twelve people and three hundred dogs | 12 people and 300 dogs
en | it was five. Six hundred came | it was 5. 600 came
en | three million two hundred thousand | 3200000
en | two thousand five | 2005
en | two billion five million | 2005000000
es | dos o tres millones | 2 o 3 millones
es | cinco perros y trescientos gatos | 5 perros y 300 gatos
es | dos millones quinientos mil | 2500000
fr | cinq ou six millions | 5 ou 6 millions
fr | cinq chiens et trois cents chats | 5 chiens et 300 chats
it | cinque o otto milioni | 5 o 8 milioni
it | due milioni cinquecentomila | 2500000
nl | vijf of zes miljoen | 5 of 6 miljoen
nl | twee miljoen vijfduizend | 2005000
pt | cinco ou seis milhões | 5 ou 6 milhões
pt | dois milhões e quinhentos mil | 2500000
"""
WORDS = """
de | zwei bis dreihundert
de | zwei- bis dreihundert
de | fünf bis sechstausend
de | zwischen fünf und sechshundert
de | drei und zwanzigtausend
de | sechs und zwanzigtausend
de | hundertdrei und zwanzigtausend
de | zwei Millionen fünf
en | two or three hundred
en | five to six thousand
en | between five and six hundred
en | between 5 and six hundred
en | between one and two hundred
en | twenty or thirty thousand
en | twenty, or thirty thousand
en | five or even six thousand
en | two or maybe even three hundred
en | five to 6,000
en | five or 600
en | five up to six thousand
en | one point five to two thousand
en | two, three hundred
en | four, five or six hundred
en | five – six thousand
en | twelve to fifteen hundred
en | five or six hundred and twenty
en | five hundred to six hundred thousand
en | five to six hundred million
en | three million, two hundred thousand
en | three thousand, two hundred
en | twenty and five thousand
en | three million two
en | one million five billion
en | three million and two
en | three million two hundred
en | a million two
es | dos o tres mil
es | dos a tres mil millones
es | cinco o seiscientos
es | entre cinco y seis mil
es | veinte y seis mil
es | veinte y seis mil quinientos
es | diez y ocho mil
es | ciento veinte y cinco mil
es | veinte y cinco millones
es | dos millones cinco
fr | deux ou trois cents
fr | deux à trois mille
fr | entre cinq et six mille
fr | de cinq jusqu'à six mille
fr | cinq millions cinq
it | due o trecento
it | tra cinque e seimila
it | da cinque fino a seimila
it | due milioni e cinque
nl | twee of driehonderd
nl | tussen vijf en zesduizend
nl | vijf en twintigduizend
nl | twee miljoen vijf
pt | dois ou três mil
pt | dois ou trezentos
pt | entre cinco e seis mil
pt | entre vinte e trinta mil
pt | dez e seis mil
pt | dois milhões e cinco
pt | dois milhões e quinhentos
"""


def lines(table: str) -> list[list[str]]:
    return [line.split(" | ") for line in table.strip().splitlines()]


@pytest.mark.parametrize(("language", "before", "after"), lines(DIGITS))
def test_numbers_with_scales_of_their_own_become_digits(language: str, before: str, after: str) -> None:
    assert digits(before, language) == after
    assert digits(after, language) == after


@pytest.mark.parametrize(("language", "text"), lines(WORDS))
def test_numbers_that_may_belong_together_stay_words(language: str, text: str) -> None:
    assert digits(text, language) == text
    assert digits(f"({text}), …", language) == f"({text}), …"


def test_every_language_is_tested() -> None:
    assert {language for language, *_ in lines(DIGITS)} == {language for language, _ in lines(WORDS)} == LANGUAGES.keys()


@pytest.mark.parametrize(
    ("language", "texts", "expected"),
    [
        ("en", ["two or", "three hundred"], ["two or", "three hundred"]),
        ("en", ["five to", "six thousand people"], ["five to", "six thousand people"]),
        ("en", ["I saw five", "or six thousand"], ["I saw five", "or six thousand"]),
        ("en", ["it was five.", "Six thousand came"], ["it was 5.", "6000 came"]),
        ("en", ["five to", "six million"], ["5 to", "6 million"]),
        ("en", ["in", "nineteen ninety nine"], ["in", "1999"]),
        ("en", ["nine double", "oh one"], ["nine double", "oh one"]),
        ("en", ["in nineteen ninety nine", "dollars"], ["in nineteen ninety nine", "dollars"]),
        ("de", ["fünf bis", "sechstausend"], ["fünf bis", "sechstausend"]),
        ("es", ["veinte y", "seis mil"], ["veinte y", "seis mil"]),
        ("fr", ["deux ou", "trois cents"], ["deux ou", "trois cents"]),
        ("it", ["tra cinque", "e seimila"], ["tra cinque", "e seimila"]),
        ("nl", ["twee of", "driehonderd"], ["twee of", "driehonderd"]),
        ("pt", ["trinta", "e um"], ["trinta", "e um"]),
    ],
)
def test_numbers_are_judged_with_the_next_segment(language: str, texts: list[str], expected: list[str]) -> None:
    first = digits(texts[0], language, "", texts[1])
    assert [first, digits(texts[1], language, first, "")] == expected
