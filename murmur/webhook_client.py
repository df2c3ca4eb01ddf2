"""The registered webhooks of a gateway, for `murmur webhooks`."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from murmur.gateway_client import GatewayClient

ENDPOINTS, LOG = "/api/webhooks", "/api/webhook-deliveries"
PAGE_ROWS = 500  # the most that a gateway lists at once
Answer = dict[str, Any]


class WebhookClient:
    """All calls block, and raise what those of GatewayClient do."""

    def __init__(self, gateway: GatewayClient) -> None:
        self._gateway = gateway

    def all(self) -> Answer:
        """In one document."""
        found: list[Answer] = []
        query = {"limit": str(PAGE_ROWS)}
        while True:
            page = self._gateway.json("GET", ENDPOINTS, params=query)
            found += page["endpoints"]
            if page["next_cursor"] is None:
                return {**page, "endpoints": found}
            query["cursor"] = page["next_cursor"]

    def one(self, endpoint_id: str) -> Answer:
        return self._gateway.json("GET", _path(endpoint_id))

    def create(self, document: Mapping[str, Any]) -> Answer:
        return self._gateway.json("POST", ENDPOINTS, json=dict(document))

    def update(self, endpoint_id: str, changes: Mapping[str, Any]) -> Answer:
        return self._gateway.json("PATCH", _path(endpoint_id), json=dict(changes))

    def delete(self, endpoint_id: str) -> Answer:
        return self._gateway.json("DELETE", _path(endpoint_id))

    def act(self, endpoint_id: str, action: str, document: Mapping[str, Any] | None = None) -> Answer:
        """`action`: rotate, disable, enable or test."""
        return self._gateway.json("POST", f"{_path(endpoint_id)}/{action}", json=dict(document or {}))

    def log(self, query: Mapping[str, str], last: int) -> Answer:
        """As many of the newest attempts as that, in one document."""
        rows: list[Answer] = []
        following = dict(query)
        while True:
            following["limit"] = str(min(PAGE_ROWS, last - len(rows)))
            page = self._gateway.json("GET", LOG, params=following)
            rows += page["attempts"]
            if page["next_cursor"] is None or len(rows) >= last:
                return {**page, "attempts": rows}
            following["cursor"] = page["next_cursor"]

    def resend(self, webhook_id: str, endpoint_id: str | None) -> Answer:
        document = {} if endpoint_id is None else {"endpoint_id": endpoint_id}
        return self._gateway.json("POST", f"{LOG}/{quote(webhook_id, safe='')}/resend", json=document)

    def resend_since(self, endpoint_id: str, document: Mapping[str, Any]) -> Iterator[Answer]:
        """The answer to each request: one makes a limited number of deliveries."""
        following = dict(document)
        while True:
            answer = self._gateway.json("POST", f"{_path(endpoint_id)}/resend", json=following)
            yield answer
            if answer["next_since"] is None:
                return
            following["since"] = answer["next_since"]


def _path(endpoint_id: str) -> str:
    return f"{ENDPOINTS}/{quote(endpoint_id, safe='')}"
