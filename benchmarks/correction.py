"""What correction costs an answer from the cache: the raw text, and the text that was corrected before, one after the other.

`python -m benchmarks.correction`. Over HTTP on loopback against a `murmur dev` in a process of its own, with the demo model and
one rule; from the upload to the transcript.
"""

import logging
import tempfile
from pathlib import Path

from benchmarks.figures import conditions, latency_ms
from benchmarks.http_load.server import server
from benchmarks.latency import WAITED, timed
from murmur.gateway_client import GatewayClient

PAIRS = 200
RAW, CORRECTED = {"correct": "false"}, dict[str, str]()
RULES = "rules: [{casing: upper}]"


def main() -> None:
    logging.disable(logging.WARNING)
    print(conditions())
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.yaml"
        rules.write_text(RULES)
        with server("whole", correction_rules_file=rules) as at, GatewayClient(f"http://127.0.0.1:{at.port}") as gateway:
            for fields in (CORRECTED, RAW):  # transcribed, and corrected, before it is measured
                timed(gateway, WAITED, fields)
            pairs = [(timed(gateway, WAITED, RAW), timed(gateway, WAITED, CORRECTED)) for _ in range(PAIRS)]
    for name, values in zip(("raw", "corrected"), zip(*pairs, strict=True), strict=True):
        print(f"transcript from the cache, {name:<9} {latency_ms(values)}")


if __name__ == "__main__":
    main()
