"""The transcriber: chunks of speech in (`chunks.*`), their text out (`chunk-results`), through a resident Whisper model."""
