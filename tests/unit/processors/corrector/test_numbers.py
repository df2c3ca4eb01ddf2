"""Numbers in words: which become digits, and which stay words because the digits are not certain."""

import pytest

from processors.corrector.number_words import LANGUAGES
from processors.corrector.numbers import digits

ENGLISH = """
twenty-one dogs | 21 dogs
three hundred and five people | 305 people
one thousand nine hundred and eighty four | 1984
five hundred twenty five thousand six hundred minutes | 525600 minutes
a hundred and five | 105
a million two hundred thousand | 1200000
eleven hundred | 1100
Twenty people | 20 people
COVID nineteen | COVID 19
a twenty-one-year-old | a 21-year-old
twenty, ten and five | 20, 10 and 5
two to five | 2 to 5
one in five | one in 5
between five and ten | between 5 and 10
nine to five | 9 to 5
zero point five | 0.5
ninety nine point nine percent | 99.9 percent
one point one four one five | 1.1415
version two point one | version 2.1
five dollars and twenty cents | 5 dollars and 20 cents
three point five million dollars | 3.5 million dollars
one point five billion | 1.5 billion
two hundred million people | 200 million people
Three Million | 3 Million
in twenty twenty four | in 2024
in nineteen ninety nine | in 1999
in nineteen eighty-four | in 1984
in nineteen oh five | in 1905
nineteen hundred | 1900
in eighteen twelve | in 1812
in twenty thirty | in 2030
two thousand twelve | 2012
the twenty first of May | the 21st of May
the nineteenth century | the 19th century
fifty first street | 51st street
five pm | 5 pm
three p.m. | 3 p.m.
three fifteen pm | 3:15 pm
two oh five a.m. | 2:05 a.m.
five o'clock | 5 o'clock
quarter to five | quarter to 5
room two oh four | room 204
page one oh one | page 101
zero zero seven | 007
five five five oh one two three | 5550123
five five five one two three four | 5551234
one nine eight four | 1984
March nineteen ninety nine | March 1999
by nineteen ninety nine | by 1999
the summer of nineteen sixty nine | the summer of 1969
in nineteen eighty one or nineteen eighty two | in 1981 or 1982
in nineteen ninety nine a man came | in 1999 a man came
zero six hundred hours | 0600 hours
nine double beds | 9 double beds
"""
ENGLISH_WORDS = """
one of them
no one, two or three
a million
a hundred
half a million
several hundred thousand
hundreds of people
tens of thousands
one million
two and a half
ten and a half million
nine and three quarters
two thirds
three quarters of a million
one hundredth of a second
thirty-two hundredths
a twentieth
first, second, third
The Fifth Element
half past three
thirty second clip
twenty second timer
twenty one second delay
twenty and five
between one hundred and five thousand
between one hundred and two hundred people
twenty thirty people
twenty twenty vision
at nineteen thirty
it costs nineteen ninety nine
nineteen ninety nine dollars
twenty twenty five minutes
ten fifteen
nineteen eighties
nine eleven
twenty four seven
fifty fifty
three sixty
five ninety nine
seventy five eighty
eighteen nineteen twenty
twenty four twenty four
one two three four five
five four three two
nine nine nine
double oh seven
oh two people
oh well
five oh
three point oh
one point two point three
at that point five people left
three point five thousand
three point five million two
2 thousand twenty four
20 twenty four
3 million
3.5 million
twenty twenty first
nine double oh one
nine double five one two
zero thirty pm
zero thirty hours
nineteen ninety nine
nineteen oh five
twenty twenty four
it's nineteen ninety nine a month
nineteen ninety nine each
price of nineteen ninety nine
prices start from nineteen ninety nine
from nineteen ninety nine a month
from nineteen ninety nine to twenty nine ninety nine
between nineteen ninety nine and twenty four ninety nine
in nineteen ninety nine dollars
by nineteen thirty
aged nineteen twenty five
weighs eighteen seventy five
in seventeen sixty one kilograms
seventeen sixty one kilograms
"""
GERMAN = """
dreiundzwanzig | 23
neunzehnhundertneunundneunzig | 1999
zweitausendvierundzwanzig | 2024
fünf Prozent | 5 Prozent
drei Komma fünf Millionen Euro | 3,5 Millionen Euro
fünf Komma drei Prozent | 5,3 Prozent
null Komma fünf | 0,5
drei Millionen | 3 Millionen
zwei Millionen dreihunderttausend | 2300000
eine Million zweihunderttausend | 1200000
tausendzweihundert | 1200
drei Uhr fünfzehn | 3 Uhr 15
halb fünf | halb 5
der einundzwanzigste | der 21.
am zwanzigsten Mai | am 20. Mai
null eins sieben eins | 0171
null eins sieben eins zwölf vierunddreißig sechsundfünfzig | 0171 12 34 56
"""
GERMAN_WORDS = """
einer von ihnen
ein Haus
eine Million
hundert
tausend Leute
Hunderte
zwei Drittel
fünf Achtel
drei Viertel
dreieinhalb Millionen
anderthalb Millionen
ich achte darauf
gib acht
der dritte
zwischen fünf und zwanzig
zwanzig vierundzwanzig
null dreißig Uhr
neun doppel null eins
"""
SPANISH = """
ciento uno | 101
treinta y uno | 31
mil novecientos noventa y nueve | 1999
dos mil veinticuatro | 2024
cinco por ciento | 5 por ciento
tres coma cinco millones | 3,5 millones
tres coma catorce | 3,14
tres punto cinco | 3.5
dos millones de euros | 2 millones de euros
tres mil millones | 3000 millones
las tres y quince | las 3 y 15
vigésimo primero | 21º
seis uno cero dos | 6102
"""
SPANISH_WORDS = """
uno de ellos
un millón
cien
mil personas
miles de personas
las tres y cuarto
dos tercios
veinte y uno
diez y seis
el cuarto de baño
dieciséis avos
cero treinta
"""
FRENCH = """
quatre-vingt-dix-neuf | 99
quatre vingt dix | 90
mille neuf cent quatre-vingt-dix-neuf | 1999
dix-neuf cent quatorze | 1914
deux mille vingt-quatre | 2024
cinq pour cent | 5 pour cent
cent vingt pour cent | 120 pour cent
trois virgule cinq millions d'euros | 3,5 millions d'euros
trois virgule zéro cinq | 3,05
trois millions | 3 millions
trois millions cinq cent mille | 3500000
trois heures quinze | 3 heures 15
vingt-quatre heures sur vingt-quatre | 24 heures sur 24
le vingt et unième | le 21ème
zéro six douze trente-quatre cinquante-six soixante-dix-huit | 06 12 34 56 78
"""
FRENCH_WORDS = """
un d'entre eux
un million
des millions de
cent
vingt cents
deux tiers
deux et demi
un livre neuf
le premier
entre vingt et un
zéro trente
zéro cent vingt
neuf double zéro un
"""
ITALIAN = """
trecentocinque | 305
millenovecentonovantanove | 1999
duemilaventiquattro | 2024
cinque per cento | 5 per cento
tre virgola cinque milioni | 3,5 milioni
duecento milioni | 200 milioni
le tre e quindici | le 3 e 15
ventunesimo | 21º
zero sei uno due | 0612
"""
ITALIAN_WORDS = """
uno di loro
un milione
tu sei bello
due terzi
due centesimi
cinque e mezzo
cento
zero trenta
"""
DUTCH = """
driehonderdvijf | 305
negentienhonderdnegenennegentig | 1999
tweeduizend vierentwintig | 2024
vijf procent | 5 procent
drie komma vijf miljoen | 3,5 miljoen
drie miljoen | 3 miljoen
eenentwintigste | 21e
nul zes een twee | 0612
"""
DUTCH_WORDS = """
een van hen
een miljoen
anderhalf miljoen
twee derde
kwart over drie
acht slaan op
vijf en twintig
tien en een half
negentien negenennegentig
nul dertig
"""
PORTUGUESE = """
trinta e um | 31
cento e cinco | 105
mil novecentos e noventa e nove | 1999
dois mil e vinte e quatro | 2024
cinco por cento | 5 por cento
três vírgula cinco milhões | 3,5 milhões
três milhões | 3 milhões
três mil milhões | 3000 milhões
vinte e cinco mil | 25000
três e quinze | 3 e 15
vigésimo primeiro | 21º
nove um dois três | 9123
nove meia um dois | 9612
"""
PORTUGUESE_WORDS = """
um deles
um milhão
três milhões e meio
dez e meia
dois terços
segunda-feira
o quarto
três ponto cinco
nove meia
zero trinta
dezasseis avos
"""
CHANGED = {"de": GERMAN, "en": ENGLISH, "es": SPANISH, "fr": FRENCH, "it": ITALIAN, "nl": DUTCH, "pt": PORTUGUESE}
UNCHANGED = {
    "de": GERMAN_WORDS,
    "en": ENGLISH_WORDS,
    "es": SPANISH_WORDS,
    "fr": FRENCH_WORDS,
    "it": ITALIAN_WORDS,
    "nl": DUTCH_WORDS,
    "pt": PORTUGUESE_WORDS,
}


def lines(tables: dict[str, str]) -> list[tuple[str, str]]:
    return [(language, line) for language, table in tables.items() for line in table.strip().splitlines()]


@pytest.mark.parametrize(("language", "line"), lines(CHANGED))
def test_certain_numbers_become_digits(language: str, line: str) -> None:
    before, after = line.split(" | ")
    assert digits(before, language) == after
    assert digits(f"({before}), …", language) == f"({after}), …"
    assert digits(after, language) == after


@pytest.mark.parametrize(("language", "line"), lines(UNCHANGED))
def test_what_is_not_certain_stays_words(language: str, line: str) -> None:
    assert digits(line, language) == line


def test_every_language_is_tested() -> None:
    assert CHANGED.keys() == UNCHANGED.keys() == LANGUAGES.keys()


@pytest.mark.parametrize("language", [None, "ja", "pl"])
def test_other_languages_stay_as_they_are(language: str | None) -> None:
    assert digits("twenty one", language) == "twenty one"


@pytest.mark.parametrize(
    ("before", "text", "after", "expected"),
    [
        ("", "it was nineteen", "ninety nine", "it was nineteen"),
        ("it was nineteen", "ninety nine", "", "ninety nine"),
        ("it was nineteen.", "ninety nine", "", "99"),
        ("", "it was nineteen.", "Ninety nine", "it was 19."),
        ("we are", "nineteen", "people", "19"),
        ("in 20", "twenty four", "", "twenty four"),
    ],
)
def test_a_number_that_may_go_on_in_the_next_segment_stays_words(before: str, text: str, after: str, expected: str) -> None:
    assert digits(text, "en", before, after) == expected


def test_only_the_text_itself_is_returned() -> None:
    words = " ".join(["word"] * 20)
    assert digits(" twenty dogs ", "en", f"{words} thirty cats,", f"and forty birds {words}") == " 20 dogs "


def test_all_numbers_of_a_text_are_written_and_nothing_else_changes() -> None:
    text = "  In nineteen ninety nine,\twe sold 3 cars -- twenty-two  in all; a hundred more (three point five million!) …"
    assert digits(text, "en") == "  In 1999,\twe sold 3 cars -- 22  in all; a hundred more (3.5 million!) …"
