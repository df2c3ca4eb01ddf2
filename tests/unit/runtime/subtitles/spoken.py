"""Texts of several scripts, with and without the times of their words."""

import random

from runtime.subtitles import Cue, Cues, SubtitleRules
from schemas.segment import Segment, Word
from schemas.transcript import Transcript

ENGLISH = (
    "And so, my fellow Americans, ask not what your country can do for you: ask what you can do for your country, and then, "
    "having asked, go home, and think about it for a while."
)
PORTUGUESE = (
    "Não sei se amanhã vai chover, mas levo o guarda-chuva; assim não me molho quando for à praia com a minha irmã mais nova."
)
JAPANESE = (
    "これは、とても長い字幕のテストです。「はい」と彼は言った。ニューヨークに行きましょう！それから、ラーメンを食べて、東京に帰ります。"
    "いっしょに、ずっと、ゆっくりと。"
)
CHINESE = (
    "他说：“今天的天气很好，我们一起去公园散步吧！”然后我们就出发了，一路上看到了许多美丽的花（包括玫瑰和郁金香），大家都很高兴。"
)
KOREAN = (
    "안녕하세요 여러분, 오늘은 날씨가 정말 좋아서 우리는 공원에 가서 산책을 하고 맛있는 음식을 먹으면서 이야기를 나누었습니다."
)
ARABIC = "مرحبا بكم في هذا البرنامج الجديد الذي نتحدث فيه عن iPhone 15 وعن أشياء أخرى كثيرة، ثم نعود إلى الاستوديو بعد قليل."
HEBREW = "שלום לכולם, היום נדבר על הטלפון החדש של Apple ועל הרבה דברים אחרים, ואחר כך נחזור לאולפן לעוד כמה דקות של שיחה."
# The first article of the Universal Declaration of Human Rights.
THAI = "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม และควรปฏิบัติต่อกันด้วยเจตนารมณ์แห่งภราดรภาพ"
LAO = (
    "ມະນຸດທຸກຄົນເກີດມາມີກຽດສັກສີ, ສິດທິ, ເສລີພາບ ແລະຄວາມສະເໝີພາບເທົ່າທຽມກັນ. ທຸກໆຄົນມີເຫດຜົນ ແລະຄວາມຄິດຄວາມເຫັນສ່ວນຕົວຂອງໃຜຂອງມັນ, "
    "ແຕ່ວ່າມະນຸດທຸກໆຄົນຄວນປະພຶດຕໍ່ກັນຄືກັນກັບເປັນອ້າຍນ້ອງກັນ."
)
KHMER = (
    "មនុស្សទាំងអស់ កើតមកមានសេរីភាព និងសមភាព ក្នុងផ្នែកសេចក្ដីថ្លៃថ្នូរនិងសិទ្ធិ។ មនុស្ស មានវិចារណញ្ញាណនិងសតិសម្បជញ្ញៈជាប់ពីកំណើត "
    "ហើយគប្បីប្រព្រឹត្ដចំពោះគ្នាទៅវិញទៅមក ក្នុងស្មារតីភាតរភាពជាបងប្អូន។"
)
BURMESE = (
    "လူတိုင်းသည် တူညီလွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့် လည်းကောင်း၊ တူညီလွတ်လပ်သော အခွင့်အရေးများဖြင့် လည်းကောင်း၊ မွေးဖွားလာသူများ ဖြစ်သည်။ "
    "ထိုသူတို့၌ ပိုင်းခြား ဝေဖန်တတ်သော ဥာဏ်နှင့် ကျင့်ဝတ် သိတတ်သော စိတ်တို့ရှိကြ၍ ထိုသူတို့သည် အချင်းချင်း မေတ္တာထား၍ ဆက်ဆံကျင့်သုံးသင့်၏။"
)
SOUTH_EAST_ASIAN = {"th": THAI, "lo": LAO, "km": KHMER, "my": BURMESE}
TEXTS = {
    "en": ENGLISH,
    "pt": PORTUGUESE,
    "ja": JAPANESE,
    "zh": CHINESE,
    "ko": KOREAN,
    "ar": ARABIC,
    "he": HEBREW,
    **SOUTH_EAST_ASIAN,
}


def segment(text: str, start: float, end: float) -> Segment:
    return Segment(start=start, end=end, text=text)


def with_words(text: str, start: float, end: float, *, pause_s: float = 0.0) -> Segment:
    """Every word is equally long; before each is a pause. Of text without blanks every two characters are a word, as a model's
    tokens are."""
    pieces = text.split(" ") if " " in text else [text[at : at + 2] for at in range(0, len(text), 2)]
    blank = " " if " " in text else ""
    step_s = (end - start) / len(pieces)
    words = tuple(
        Word(start=start + n * step_s + pause_s, end=start + (n + 1) * step_s, word=f"{blank}{piece}", probability=0.9)
        for n, piece in enumerate(pieces)
    )
    return Segment(start=start, end=end, text=text, words=words)


def conversation(seed: int) -> list[Segment]:
    """Segments of random parts of the texts, of random lengths, some of them very short, with and without words."""
    chosen = random.Random(seed)
    segments: list[Segment] = []
    at = chosen.choice((0.0, 3.5))
    for _ in range(20):
        text = chosen.choice(list(TEXTS.values()))
        begin = chosen.randrange(len(text) - 1)
        part = text[begin : begin + chosen.choice((1, 3, 12, 60, 300))].strip() or "…"
        long_s = chosen.choice((0.05, 0.4, 2.0, 6.0, 15.0, 29.0))
        make = chosen.choice((segment, with_words))
        segments.append(make(part, round(at, 3), round(at + long_s, 3)))
        at += long_s + chosen.choice((0.0, 0.01, 0.3, 4.0))
    return segments


def all_cues(transcript: Transcript, rules: SubtitleRules) -> list[Cue]:
    made = Cues(rules)
    return [*(cue for segment in transcript.segments for cue in made.add(segment)), *made.end(transcript.duration_s)]
