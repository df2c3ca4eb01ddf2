"""The HTTP interface: accepts uploads, publishes requests, and answers status requests from its own view of the topics."""

from producers.gateway.server import Gateway, build

__all__ = ["Gateway", "build"]
