"""Words around numbers, by language: what `numbers` needs to see whether digits are certain. Data only, in lower case.

Which words are numbers, and how much they are, is a matter of the library text2num.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NumberWords:
    """`decimal`: the point between digits. `small_scales`: hundred and thousand, `large_scales`: a million and more.
    `fractions`: make a fraction of the number before them. `links`: `and`. `between`: after it a link may be between two
    numbers. `ranges`: join two numbers, as `links` do. `repeats`: a digit is said once for all. `articles`: before a scale, in
    place of `one`. `ambiguous`: mean something else, too, when they stand alone. `stand_ins`: words for a digit, among digits
    only. `are_links_doubtful`: linked words are written as one if they are one number."""

    decimal: frozenset[str]
    small_scales: frozenset[str]
    large_scales: frozenset[str]
    fractions: frozenset[str]
    links: frozenset[str]
    between: frozenset[str]
    ranges: frozenset[str]
    repeats: frozenset[str]
    articles: frozenset[str] = frozenset()
    ambiguous: frozenset[str] = frozenset()
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    are_links_doubtful: bool = False

    @property
    def scales(self) -> frozenset[str]:
        return self.small_scales | self.large_scales


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


LANGUAGES: Mapping[str, NumberWords] = {
    "de": NumberWords(
        decimal=_set("komma punkt"),
        small_scales=_set("hundert tausend"),
        large_scales=_set("million millionen milliarde milliarden billion billionen"),
        fractions=_set("halb halbe halben viertel drittel"),
        links=_set("und"),
        between=_set("zwischen"),
        ranges=_set("oder bis beziehungsweise"),
        repeats=_set("doppel doppelt"),
        articles=_set("eine einer einen"),
        ambiguous=_set("acht"),
        are_links_doubtful=True,
    ),
    "en": NumberWords(
        decimal=_set("point dot"),
        small_scales=_set("hundred hundreds thousand thousands"),
        large_scales=_set("million millions billion billions trillion trillions"),
        fractions=_set("half halves quarter quarters third thirds"),
        links=_set("and"),
        between=_set("between"),
        ranges=_set("or to till until through up versus"),
        repeats=_set("double triple"),
        articles=_set("a an"),
        stand_ins={"oh": "0", "o": "0"},
    ),
    "es": NumberWords(
        decimal=_set("coma punto"),
        small_scales=_set("cien ciento cientos mil miles"),
        large_scales=_set("millón millon millones billón billon billones"),
        fractions=_set("medio media medios cuarto cuartos tercio tercios avo avos"),
        links=_set("y"),
        between=_set("entre"),
        ranges=_set("o u a hasta ni"),
        repeats=_set("doble triple"),
    ),
    "fr": NumberWords(
        decimal=_set("virgule point"),
        small_scales=_set("cent cents mille"),
        large_scales=_set("million millions milliard milliards billion billions"),
        fractions=_set("demi demie quart quarts tiers"),
        links=_set("et"),
        between=_set("entre"),
        ranges=_set("ou à jusqu ni"),
        repeats=_set("double triple"),
        ambiguous=_set("neuf"),
    ),
    "it": NumberWords(
        decimal=_set("virgola punto"),
        small_scales=_set("cento mille mila"),
        large_scales=_set("milione milioni miliardo miliardi bilione bilioni"),
        fractions=_set("mezzo mezza quarto quarti terzo terzi"),
        links=_set("e ed"),
        between=_set("tra fra"),
        ranges=_set("o a od ad fino"),
        repeats=_set("doppio doppia triplo tripla"),
        ambiguous=_set("sei"),
    ),
    "nl": NumberWords(
        decimal=_set("komma punt"),
        small_scales=_set("honderd honderden duizend duizenden"),
        large_scales=_set("miljoen miljoenen miljard miljarden biljoen biljoenen"),
        fractions=_set("half halve kwart derde"),
        links=_set("en"),
        between=_set("tussen"),
        ranges=_set("of tot à"),
        repeats=_set("dubbel dubbele driedubbel"),
        ambiguous=_set("acht elf"),
        are_links_doubtful=True,
    ),
    "pt": NumberWords(
        decimal=_set("vírgula ponto"),
        small_scales=_set("cem cento centos mil milhares"),
        large_scales=_set("milhão milhões bilhão bilhões trilhão trilhões bilião biliões"),
        fractions=_set("meio meia meios quarto quartos terço terços avo avos"),
        links=_set("e"),
        between=_set("entre"),
        ranges=_set("ou a até"),
        repeats=_set("duplo dupla triplo"),
        stand_ins={"meia": "6"},
    ),
}

# English: two numbers in a row that may be one
DECADES = _set("twenties thirties forties fifties sixties seventies eighties nineties hundreds")
BEFORE_YEARS = _set(
    "in since until year early late mid circa born dated copyright spring summer autumn fall winter january february march"
    " april may june july august september october november december"
)
BEFORE_YEARS_OR_TIMES = _set("by before after till through during")
OF_YEARS = _set("class end beginning start middle turn crash war election revolution constitution") | BEFORE_YEARS
BEFORE_OTHERS = _set("at for only just")  # a time of day, or an amount
AROUND_OTHERS = _set(  # near to it
    "cost costs costing pay pays paid price prices priced pricing charge charges charged worth sell sells sold spend spent"
    " fee fare total sum age aged weigh weighs weighed weighing weight measure measures measuring height tall length long"
    " width wide scored"
)
AFTER_OTHERS = _set(
    "dollar dollars pound pounds euro euros buck bucks cent cents pence percent second seconds minute minutes hour hours"
    " day days week weeks month months year years times people each apiece per plus kilogram kilograms kilo kilos gram grams"
    " ton tons tonne tonnes ounce ounces stone metre metres meter meters kilometre kilometres kilometer kilometers"
    " centimetre centimetres centimeter centimeters millimetre millimetres millimeter millimeters mile miles foot feet inch"
    " inches yard yards litre litres liter liters gallon gallons degree degrees volt volts watt watts hertz calories"
)
AFTER_PRICES = (
    _set("day week month quarter year night hour minute piece pop person head pair box bottle ticket unit") | AFTER_OTHERS
)
BEFORE_CODES = _set(
    "number room page flight route highway line channel extension code gate bus apartment suite area pin form error dial model"
)
