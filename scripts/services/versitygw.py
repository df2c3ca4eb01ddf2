"""versitygw over a folder: announces every change in every bucket, with keys as they are.

It ends at once when Kafka or its topic is missing at the start, and sends a test event first.
"""

from scripts.services import build
from scripts.services.store import ACCESS_KEY, SECRET_KEY, Flavour, Place


def _arguments(place: Place) -> list[str]:
    return ["posix", str(place.folder / "data")]


def _environment(place: Place) -> dict[str, str]:
    return {
        "ROOT_ACCESS_KEY": ACCESS_KEY,
        "ROOT_SECRET_KEY": SECRET_KEY,
        "VGW_PORT": f"127.0.0.1:{place.port}",
        "VGW_HEALTH": "/health",
        "VGW_QUIET": "true",
        "VGW_REGION": "us-east-1",
        "VGW_EVENT_KAFKA_URL": place.kafka,
        "VGW_EVENT_KAFKA_TOPIC": place.topic,
    }


VERSITYGW = Flavour(
    name="versitygw",
    binary=build.VERSITYGW,
    arguments=_arguments,
    environment=_environment,
    health="/health",
    event_dialect="raw",
)
