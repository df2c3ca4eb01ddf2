"""What consumer groups have committed, asked without joining them. Used by `offsets.py`.

With aiokafka: librdkafka's own client for it is no member of a group, and crashes the process when a broker answers that it does
not coordinate the group, as every broker does for a moment after a restart, and for good once another one does
(librdkafka 5040).
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

Place = tuple[str, int]  # full name of a topic, and partition
ASK_AGAIN_S = 0.1


class NotAnswered(Exception):
    """Within the time that was given."""


def aiokafka_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Address and credentials of a librdkafka client, as aiokafka's clients have them."""
    protocol = config.get("security.protocol", "PLAINTEXT")
    return {
        "bootstrap_servers": config["bootstrap.servers"],
        "client_id": config["client.id"],
        "security_protocol": protocol,
        "ssl_context": ssl.create_default_context(cafile=config.get("ssl.ca.location")) if protocol.endswith("SSL") else None,
        "sasl_mechanism": config.get("sasl.mechanism", "PLAIN"),
        "sasl_plain_username": config.get("sasl.username"),
        "sasl_plain_password": config.get("sasl.password"),
    }


def committed(config: Mapping[str, Any], groups: Mapping[str, Sequence[Place]], answer_s: float) -> dict[str, dict[Place, int]]:
    """Of each group. Connects for this one call, and blocks, in a thread without an event loop. Raises NotAnswered."""
    return asyncio.run(_committed(aiokafka_settings(config), groups, answer_s))


async def _committed(
    settings: Mapping[str, Any], groups: Mapping[str, Sequence[Place]], answer_s: float
) -> dict[str, dict[Place, int]]:
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaError

    last: Exception | None = None
    client = AIOKafkaAdminClient(**settings, request_timeout_ms=int(answer_s * 1000))
    try:
        async with asyncio.timeout(answer_s):
            while True:
                try:
                    await client.start()
                    return {group: await _of_group(client, group, places) for group, places in groups.items()}
                except (KafkaError, OSError, _NotCoordinated) as error:
                    last = error
                    await asyncio.sleep(ASK_AGAIN_S)
    except TimeoutError as timeout:
        raise NotAnswered(repr(last or timeout)) from last
    finally:
        await client.close()


class _NotCoordinated(Exception):
    """The broker is not, or not yet, the coordinator of the group."""


async def _of_group(client: Any, group: str, places: Sequence[Place]) -> dict[Place, int]:
    """aiokafka overlooks an error of the whole answer, which then has no partition."""
    from aiokafka import TopicPartition

    answer = await client.list_consumer_group_offsets(group, partitions=[TopicPartition(*place) for place in places])
    offsets = {(place.topic, place.partition): found.offset for place, found in answer.items()}
    if offsets.keys() != set(places):
        raise _NotCoordinated(group)
    return {place: offset for place, offset in offsets.items() if offset >= 0}
