"""murmur: event-driven speech-to-text on Kafka. This package is the application: the command line and the embedded mode.

It puts together the stages in `producers/`, `processors/` and `sinks/`. What they share is in `runtime/`, what travels between
them in `schemas/`.
"""
