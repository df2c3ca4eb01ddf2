"""The webhook sink as a process that a test kills."""

import sys
from pathlib import Path

import orjson
from pydantic import SecretStr

from runtime.kafka.client import Kafka
from runtime.models import catalogue
from runtime.objects.directory import DirectoryStore
from runtime.resources import Resources
from runtime.settings import Settings
from sinks.webhooks import build
from tests.ended import SECRET

if __name__ == "__main__":
    given = orjson.loads(sys.argv[1])
    cluster = Kafka(given["bootstrap"], given["prefix"], consumer_extra=given["extra"], transactions=False)
    delays_s = tuple(given["delays_s"])
    settings = Settings(webhook_secret=SecretStr(SECRET), webhook_allow_private=True, webhook_delays_s=delays_s)
    objects = DirectoryStore({"work": Path(given["work"])})
    build(Resources(settings, cluster, objects, catalogue.resolve("demo"))).run()
