"""Over random models: whatever a model does with a chunk, none of its text is lost or doubled, and it comes to an end."""

import random
from dataclasses import replace
from itertools import pairwise

from processors.transcriber.edges import RELEASE_S
from processors.transcriber.engine import Window, WindowText
from processors.transcriber.spoken import Stretch, clipped
from processors.transcriber.windows import PROMPT_DROPPED, WINDOWS_MAX, ChunkText
from schemas.options import DecodingOptions
from schemas.segment import Segment
from schemas.sound import SAMPLE_RATE_HZ
from tests.unit.processors.transcriber.scripted import Model, part, place, read_chunk, segment, texts, wrote

SEEDS = range(300)
DURATION_S = 30.0
OPTIONS = DecodingOptions(encoder_window="fit", prompt="Sofia")
Said = tuple[float, float, str]


def sentence(chance: random.Random) -> list[Said]:
    """A few words of a chunk and their times, each long enough to be missed."""
    words: list[Said] = []
    at = 0.0
    for number in range(chance.randrange(1, 12)):
        start = round(at + chance.choice([0.02, 0.1, 0.6, 1.5]), 2)
        at = round(start + chance.choice([0.3, 0.5, 0.9]), 2)
        words.append((start, at, f"word{number}"))
    return words


class Honest:
    """Reads the words that are in its window, but ends it early wherever it likes; what it closes is what it count. Finds
    languages where there are none, and sometimes writes nonsense with a low probability."""

    def __init__(self, chance: random.Random, words: list[Said]) -> None:
        self._chance, self._words = chance, words
        self.runaways = self.poor = self.split = 0

    def __call__(self, window: Window) -> WindowText:
        begin, until = place(window)
        if window.options.language is None and window.pauses and self._chance.random() < 0.3:
            self.split += 1
            return self._parts(window)
        nonsense = wrote(segment(0, window.duration_s, "nonsense"))
        if window.options.encoder_window == "fit" and self._chance.random() < 0.3:
            self.runaways += 1
            return replace(nonsense, runaway=True)
        if window.options.encoder_window == "full" and window.options.prompt and self._chance.random() < 0.5:
            self.poor += 1
            return replace(nonsense, runaway=True)
        mine = [(round(a - begin, 2), round(b - begin, 2), word) for a, b, word in self._words if begin <= a and b <= until]
        return self._read(mine, window.duration_s)

    def _parts(self, window: Window) -> WindowText:
        count = self._chance.randrange(1, len(window.pauses) + 1)
        cuts = [0, *sorted(self._chance.sample(window.pauses, count)), len(window.samples)]
        spans = [(a / SAMPLE_RATE_HZ, b / SAMPLE_RATE_HZ) for a, b in pairwise(cuts)]
        return replace(wrote(), parts=tuple(part(*span, "it" if row % 2 else "en") for row, span in enumerate(spans)))

    def _read(self, words: list[Said], duration_s: float) -> WindowText:
        closed: list[Segment] = []
        while words and self._chance.random() < 0.7:
            count = self._chance.randrange(1, len(words) + 1)
            closed.append(together(words[:count]))
            words = words[count:]
        if not words:
            return wrote(*closed, at_rest=self._chance.random() < 0.5)
        count = self._chance.randrange(0, len(words) + 1) if closed else len(words)
        tail = together(words[:count]).model_copy(update={"end": duration_s}) if count else None
        return wrote(*closed, tail=tail)


def together(words: list[Said]) -> Segment:
    return segment(words[0][0], words[-1][1], " ".join(word for _, _, word in words))


def orderly(text: ChunkText) -> bool:
    starts = [each.start for each in text.segments]
    lasting = all(0 <= each.start < each.end <= DURATION_S + RELEASE_S for each in text.segments)
    return lasting and starts == sorted(starts)


def test_every_word_that_a_correct_model_recognises_is_in_the_text_once() -> None:
    runaways = poor = split = 0
    for seed in SEEDS:
        chance = random.Random(seed)
        words = sentence(chance)
        honest = Honest(chance, words)
        text = read_chunk(Model(honest), DURATION_S, [(start, end) for start, end, _ in words], OPTIONS)
        assert " ".join(texts(text)) == " ".join(word for _, _, word in words), seed
        assert orderly(text), seed
        assert text.unread == (), seed
        assert text.refitted == honest.runaways, seed
        assert text.warnings == ((PROMPT_DROPPED,) if honest.poor else ()), seed
        runaways, poor, split = runaways + honest.runaways, poor + honest.poor, split + honest.split
    assert min(runaways, poor, split) > 20, "the models did all that they can do"


class Careless:
    """Writes anything that an engine may write, at random, each text once; speech is nothing to it."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._count = 0
        self.closed: list[str] = []
        self.tails: list[str] = []

    def __call__(self, window: Window) -> WindowText:
        chance = self._chance
        steps = int(window.duration_s * 50)
        times = sorted(chance.sample(range(steps + 1), min(steps + 1, 2 * chance.randrange(0, 6))))
        closed = [segment(a / 50, b / 50, self._text()) for a, b in zip(times[::2], times[1::2], strict=False)]
        written = wrote(*closed, at_rest=chance.random() < 0.3)
        if chance.random() < 0.5 and window.duration_s > written.read_to_s:
            written = replace(written, tail=segment(written.read_to_s, window.duration_s, self._text()))
        fitted = window.options.encoder_window == "fit"
        written = replace(written, runaway=chance.random() < 0.3 and bool(fitted or window.options.prompt))
        if not (written.runaway and (fitted or window.options.prompt)):
            self.closed += [each.text for each in closed]
            self.tails += [written.tail.text] if written.tail else []
        return written

    def _text(self) -> str:
        self._count += 1
        return f"text{self._count}"


def some_speech(chance: random.Random) -> list[Stretch]:
    times = sorted(chance.sample(range(int(DURATION_S * 50)), 2 * chance.randrange(0, 8)))
    return [(a / 50, b / 50) for a, b in zip(times[::2], times[1::2], strict=True)]


def test_whatever_a_model_closes_is_kept_or_recorded_as_removed_once_in_order_and_the_loop_ends() -> None:
    for seed in SEEDS:
        chance = random.Random(seed)
        careless = Careless(chance)
        model = Model(careless)
        speech = some_speech(chance)
        text = read_chunk(model, DURATION_S, speech, OPTIONS)
        kept, removed = texts(text), [each.text for each in text.removed]
        assert len([*kept, *removed]) == len({*kept, *removed}), seed
        assert set(careless.closed) <= {*kept, *removed} <= {*careless.closed, *careless.tails}, seed
        assert orderly(text), seed
        assert all(clipped(speech, *stretch) for stretch in text.unread), seed
        assert len(model.calls) <= 3 * (WINDOWS_MAX + DURATION_S / 2), seed  # again in full, without prompt, and gaps
