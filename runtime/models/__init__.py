"""Whisper models: the catalogue of names, and the bundled demo model (`demo/`)."""
