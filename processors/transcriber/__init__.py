"""The transcriber: chunks of speech in (`chunks.*`), their text out (`chunk-results`), through a resident Whisper model."""

from runtime.resources import Resources, Stage


def build(resources: Resources) -> Stage:
    """Imports numpy; the model's library comes with the model, when the stage runs."""
    from processors.transcriber import stage

    return stage.build(resources)
