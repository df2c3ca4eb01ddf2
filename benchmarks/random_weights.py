"""A model of a Whisper model's dimensions with random weights: right for speed and memory, nothing for quality.

`python -m benchmarks.random_weights FOLDER --like tiny.en --size large-v3-turbo` writes it. It gives the same text for every
window of 30 s, since what follows at each position is in the decoder's position encodings, and all layers together change that
little. Tokenizer and vocabulary are those of the model that it is like.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts import models

TEXT = (
    "The harbour master wrote that forty ships had left before noon, and only two of them came back with fish. "
    "Nobody could say where the others went, because a grey wall of fog stood over the bay until the evening. "
    "Then a lamp appeared, first green and later white, and slow engines could be heard across cold water."
)
SEGMENTS_S = (10.0, 20.0, 29.0)  # where its sentences end
WEIGHT, OUTPUT = 0.02, 1e-4  # standard deviation; of what a layer adds
POSITION = 20.0  # how much the position counts against the last token
FRAMES, TOKENS_MAX, CONVOLVED = 1500, 448, 3
Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Dimensions:
    mels: int
    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int


SIZES = {
    "small": Dimensions(80, 768, 12, 12, 12),
    "large-v3": Dimensions(128, 1280, 20, 32, 32),
    "large-v3-turbo": Dimensions(128, 1280, 20, 32, 4),
}


class Weights:
    def __init__(self, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)

    def normal(self, *shape: int, scale: float = WEIGHT) -> Array:
        return self._random.standard_normal(shape, np.float32) * np.float32(scale)

    def linear(self, spec: Any, inputs: int, outputs: int, scale: float = WEIGHT) -> None:
        spec.weight, spec.bias = self.normal(outputs, inputs, scale=scale), np.zeros(outputs, np.float32)

    def norm(self, spec: Any, width: int) -> None:
        spec.gamma, spec.beta = np.ones(width, np.float32), np.zeros(width, np.float32)

    def layer(self, spec: Any, width: int) -> None:
        self.norm(spec.self_attention.layer_norm, width)
        self.linear(spec.self_attention.linear[0], width, 3 * width)
        self.linear(spec.self_attention.linear[1], width, width, OUTPUT)
        self.norm(spec.ffn.layer_norm, width)
        self.linear(spec.ffn.linear_0, width, 4 * width)
        self.linear(spec.ffn.linear_1, 4 * width, width, OUTPUT)

    def cross_attention(self, spec: Any, width: int) -> None:
        self.norm(spec.layer_norm, width)
        self.linear(spec.linear[0], width, width)
        self.linear(spec.linear[1], width, 2 * width)
        self.linear(spec.linear[2], width, width, OUTPUT)


def tokens(like: Path, vocabulary: Sequence[str]) -> list[int]:
    """The text with its time stamps and its end."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(like / "tokenizer.json"))
    begin = first_timestamp = vocabulary.index("<|0.00|>")
    found: list[int] = []
    for sentence, end_s in zip(TEXT.split(". "), SEGMENTS_S, strict=True):
        until = first_timestamp + round(end_s * 50)
        found += [begin, *tokenizer.encode(f" {sentence.rstrip('.')}.", add_special_tokens=False).ids, until]
        begin = until
    return [*found, vocabulary.index("<|endoftext|>")]


def build(size: Dimensions, text: list[int], vocabulary: list[str]) -> Any:
    """A specification of CTranslate2. `text`: what it writes; the prompt has one token, as that of English models."""
    from ctranslate2.specs.whisper_spec import WhisperSpec

    spec, weights, width = WhisperSpec(size.encoder_layers, size.heads, size.decoder_layers, size.heads), Weights(), size.width
    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = weights.normal(width, size.mels, CONVOLVED), np.zeros(width, np.float32)
    encoder.conv2.weight, encoder.conv2.bias = weights.normal(width, width, CONVOLVED), np.zeros(width, np.float32)
    encoder.position_encodings.encodings = weights.normal(FRAMES, width)
    embeddings = weights.normal(len(vocabulary), width, scale=width**-0.5)
    decoder.embeddings.weight = decoder.projection.weight = embeddings
    decoder.position_encodings.encodings = POSITION * embeddings[(text + TOKENS_MAX * text[-1:])[:TOKENS_MAX]]
    for each in (encoder, decoder):
        weights.norm(each.layer_norm, width)
        for layer in each.layer:
            weights.layer(layer, width)
    for layer in decoder.layer:
        weights.cross_attention(layer.attention, width)
    spec.register_vocabulary(vocabulary)
    return spec


def write(folder: Path, like: Path, size: Dimensions, compute_type: str = "float16") -> None:
    vocabulary = (like / "vocabulary.txt").read_text().split("\n")[:-1]
    spec = build(size, tokens(like, vocabulary), vocabulary)
    settings = json.loads((like / "config.json").read_text())
    spec.config.suppress_ids, spec.config.suppress_ids_begin = settings["suppress_ids"], settings["suppress_ids_begin"]
    spec.config.lang_ids = settings["lang_ids"]
    half = range(size.decoder_layers // 2, size.decoder_layers)
    spec.config.alignment_heads = [[*pair] for pair in product(half, range(size.heads))]
    spec.validate()
    spec.optimize(quantization=compute_type)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    shutil.copy(like / "tokenizer.json", folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": size.mels}))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.random_weights", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--like", default="tiny.en", help="an English model of scripts.models, or a folder")
    parser.add_argument("--size", choices=SIZES, default="large-v3-turbo")
    options = parser.parse_args()
    write(options.folder, Path(options.like) if Path(options.like).is_dir() else models.path(options.like), SIZES[options.size])


if __name__ == "__main__":
    main()
