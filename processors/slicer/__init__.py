"""The slicer: an audio file in, chunks of speech out. Fed by `decodes`; feeds `chunks.*` and `chunk-results`.

In the order of the data: `decode` (bytes to samples), `vad` (samples to speech probabilities), `regions` (probabilities to
spoken regions), `cutter` (regions to chunks), `slicing` (these joined, one file), `worker` (one file with its store) and
`stage` (many files, Kafka).
"""
