"""Receives murmur's webhooks, checks their signatures, and prints them.

    python examples/webhook_receiver.py --port 9999 --secret whsec_...      # the same as MURMUR_WEBHOOK_SECRET
    python examples/webhook_receiver.py --port 9999 --secret whpk_...       # of an endpoint that signs with ed25519

A webhook may come twice: `webhook-id` is the same both times, so remember the ids you have handled. While a secret is rotated a
webhook has several signatures, and one that is right suffices.
"""

import argparse
import base64
import json
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

BODY_MAX_BYTES = 25 * 1024 * 1024
TOLERANCE_S = 300  # an older webhook may be a copy that somebody sends again


class PublicKeyWebhook:
    """Verifies ed25519 signatures, which the library does not."""

    def __init__(self, public_key: str) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))

    def verify(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Raises WebhookVerificationError."""
        timestamp = headers.get("webhook-timestamp", "")
        if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE_S:
            raise WebhookVerificationError("it is too old, or has no time")
        content = f"{headers.get('webhook-id', '')}.{timestamp}.".encode() + body
        if not any(self._is_right(signature, content) for signature in headers.get("webhook-signature", "").split()):
            raise WebhookVerificationError("no signature is right")

    def _is_right(self, signature: str, content: bytes) -> bool:
        version, _, text = signature.partition(",")
        try:
            self._key.verify(base64.b64decode(text), content)
        except (InvalidSignature, ValueError):
            return False
        return version == "v1a"


class Receiver(HTTPServer):
    """`seen`: webhook ids, so that a repeat is answered and not handled again."""

    def __init__(self, port: int, secret: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.webhook = PublicKeyWebhook(secret) if secret.startswith("whpk_") else Webhook(secret)
        self.seen: set[str] = set()


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        if not 0 < length <= BODY_MAX_BYTES:
            return self._answer(413)
        body = self.rfile.read(length)
        try:
            self.server.webhook.verify(body, {name.lower(): value for name, value in self.headers.items()})
        except WebhookVerificationError as error:
            print(f"rejected: {error}", flush=True)
            return self._answer(401)
        webhook_id = self.headers["webhook-id"]
        if webhook_id not in self.server.seen:
            self.server.seen.add(webhook_id)
            show(body)
        return self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """What matters is printed by `show`."""


def show(body: bytes) -> None:
    event = json.loads(body)
    if "success" not in event:  # a job has started, an endpoint was disabled, or a test
        print(f"{event['type']}  {json.dumps(event, ensure_ascii=False)}", flush=True)
        return
    result = event["transcription"] if event["success"] else event["error"]
    print(f"{event['task_id']}  {'done' if event['success'] else 'failed'}  {json.dumps(result, ensure_ascii=False)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9999, help="0: any free one")
    parser.add_argument("--secret", required=True, help="whsec_..., or whpk_...")
    parser.add_argument("--count", type=int, default=0, help="end after so many requests; 0: never")
    arguments = parser.parse_args()
    with Receiver(arguments.port, arguments.secret) as receiver:
        print(f"listening on http://127.0.0.1:{receiver.server_port}", flush=True)
        answered = 0
        while not arguments.count or answered < arguments.count:
            receiver.handle_request()
            answered += 1


if __name__ == "__main__":
    main()
