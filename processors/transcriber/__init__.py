"""The transcriber: chunks of speech in (`chunks.*`), their text out (`chunk-results`), with a Whisper model that stays loaded."""

from runtime.resources import Resources, Stage


def build(resources: Resources) -> Stage:
    """Imports numpy; the model's library is imported with the model, when the stage runs."""
    from processors.transcriber import stage

    return stage.build(resources)
