"""Reads finished transcripts from Kafka and prints them: the topic door, with nothing of murmur's but its topic.

python examples/subscribe.py --bootstrap 127.0.0.1:9092 --count 1
"""

import argparse
import json
import sys

from confluent_kafka import Consumer, KafkaException

BROKER_S = 5.0  # for its first answer; one that goes away later is waited for


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", default="127.0.0.1:9092", help="host:port of a broker; `murmur dev` prints its own")
    parser.add_argument("--topic", default="murmur.transcripts")
    parser.add_argument("--group", default="my-transcripts", help="two of the same group share the work")
    parser.add_argument("--count", type=int, default=0, help="end after so many; 0: never")
    arguments = parser.parse_args()
    consumer = Consumer(
        {
            "bootstrap.servers": arguments.bootstrap,
            "group.id": arguments.group,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",  # what murmur has decided, and nothing it took back
            "log_level": 2,  # the client's own lines about connections; what matters comes as an error
        }
    )
    try:
        consumer.list_topics(timeout=BROKER_S)
    except KafkaException as error:
        why = error.args[0].str()
        print(f"no Kafka broker answers at {arguments.bootstrap} ({why}): name the one that `murmur dev` prints", file=sys.stderr)
        return 1
    consumer.subscribe([arguments.topic])
    seen = 0
    try:
        while not arguments.count or seen < arguments.count:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                print(f"kafka: {message.error()}", flush=True)
                continue
            show(message.value() or b"{}")
            seen += 1
    except KeyboardInterrupt:
        print()
    finally:
        consumer.close()
    return 0


def show(value: bytes) -> None:
    """One line for the job, then its text. The fields: schemas/json/transcript.completed.v1.json."""
    event = json.loads(value)
    result = event["result"]
    print(f"{event['job']['filename']}  {result['language']}  {result['duration_s']:.1f} s  job {event['job']['job_id']}")
    if event["transcript"] is None:
        print(f"  a long text: read {result['transcript']['bucket']}/{result['transcript']['key']}", flush=True)
    else:
        print(f"  {event['transcript']['text']}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
