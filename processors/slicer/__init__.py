"""The slicer: an audio file in, chunks of speech out. Fed by `decodes`; feeds `chunks.*` and `chunk-results`.

In the order of the data: `decode` (bytes to samples), `vad` (samples to speech probabilities), `regions` (probabilities to
spoken regions), `cutter` (regions to chunks), `slicing` (these joined, one file), `worker` (one file, its store and its
records) and `stage` (many files, Kafka).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a decoder process imports this package, and needs neither Kafka nor settings
    from runtime.resources import Resources, Stage


def build(resources: Resources) -> Stage:
    """Imports FFmpeg and the speech detector; nothing else of murmur's needs them."""
    from processors.slicer import stage

    return stage.build(resources)
