"""The HTTP door: takes uploads, publishes requests, answers for jobs from its own view of the topics."""

from producers.gateway.server import Gateway, build

__all__ = ["Gateway", "build"]
