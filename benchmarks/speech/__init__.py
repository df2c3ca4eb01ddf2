"""Recorded speech, murmur and faster-whisper on it, and how their texts are compared.

In the order of the data: `recordings` (speech with known text and times), `compose` and `sounds` (what is made of them),
`files` (the named ones), `murmur_reader` and `faster_whisper_reader` (two transcripts), `score` and `edges` (errors of words and
of their times), `reading` and `comparison` (rows of a table). Used by `benchmarks.transcripts` and by tests/speech.
"""
