"""murmur: event-driven speech-to-text on Kafka. This package holds what the stages share; it knows none of them.

The stages are in `producers/`, `processors/` and `sinks/`; what travels between them is in `schemas/`.
"""
