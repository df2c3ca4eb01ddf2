"""Whisper models: the catalogue of names, and the demo model that comes with murmur (`demo/`)."""
