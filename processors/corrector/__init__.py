"""Corrects the texts of finished transcripts, by rules and perhaps by a language model. Fed by the coordinator, which waits for
its report only so long. Optional: without MURMUR_CORRECTION_RULES_FILE and MURMUR_CORRECTOR_URL the stage does not run."""

from processors.corrector.stage import build

__all__ = ["build"]
