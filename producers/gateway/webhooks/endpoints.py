"""`/api/webhooks`: registers endpoints, changes them, rotates their keys."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from pydantic import Field

from producers.gateway.access.caller import caller_of
from producers.gateway.documents.webhooks import Endpoint, EndpointDeleted, EndpointList, EndpointWithSecret
from producers.gateway.http import paging
from producers.gateway.http.paging import LIMIT_DEFAULT, LIMIT_SCHEMA, LIMIT_TEXT, Cursor, Limit
from producers.gateway.http.problems import Problem
from producers.gateway.http.responses import json_response
from producers.gateway.http.routes import Body, Query, Response, Route, query_of
from producers.gateway.submission.accepted import Accepted
from producers.gateway.submission.json_body import read_model
from producers.gateway.view.view import View
from producers.gateway.view.webhook_book import EndpointView
from producers.gateway.webhooks.registry import Change, Registry
from producers.gateway.webhooks.requests import EndpointChanges, NewEndpoint, Rotation
from runtime import signing
from runtime.reachable import Reachable
from runtime.webhook_events import ENDS
from runtime.webhooks import door_problem
from schemas.webhooks import WebhookEndpoint, WebhookSecret

WEBHOOKS = "/api/webhooks"
ONE = f"{WEBHOOKS}/{{endpoint_id}}"
TAG = "webhooks"
BODIES = ("bad_request", "bad_option", "unknown_field", "unsupported_encoding", "too_large", "too_slow", "disconnected")


class EndpointsQuery(Query):
    """Which endpoints to list."""

    owner: str | None = Field(None, description="only endpoints of this owner")
    limit: Limit = Field(LIMIT_DEFAULT, ge=1, description=LIMIT_TEXT, json_schema_extra={**LIMIT_SCHEMA})
    cursor: Cursor = Field(None, description="`next_cursor` of an earlier response: the endpoints that follow")


class Endpoints:
    def __init__(self, registry: Registry, view: View, accepted: Accepted, reachable: Reachable) -> None:
        self._registry = registry
        self._view = view
        self._accepted = accepted
        self._reachable = reachable

    def routes(self) -> list[Route]:
        created = Response("The endpoint, with its secret", EndpointWithSecret, headers=("Location",))
        known = ("unknown_endpoint",)
        new, changes = Body(NewEndpoint), Body(EndpointChanges)
        rotation = Body(Rotation, is_optional=True)
        return [
            Route(
                "POST",
                WEBHOOKS,
                self.create,
                "Register an endpoint",
                TAG,
                body=new,
                responses={201: created},
                problems=(*BODIES, "too_many_endpoints"),
            ),
            Route("GET", WEBHOOKS, self.all, "The endpoints", TAG, query=EndpointsQuery, responses={200: EndpointList}),
            Route("GET", ONE, self.one, "An endpoint", TAG, responses={200: Endpoint}, problems=known),
            Route(
                "PATCH",
                ONE,
                self.update,
                "Change an endpoint's URL, description or events",
                TAG,
                body=changes,
                responses={200: Endpoint},
                problems=(*BODIES, *known),
            ),
            Route("DELETE", ONE, self.delete, "Delete an endpoint", TAG, responses={200: EndpointDeleted}, problems=known),
            Route(
                "POST",
                f"{ONE}/rotate",
                self.rotate,
                "Replace an endpoint's key; the present one signs, too, for a while",
                TAG,
                body=rotation,
                responses={200: EndpointWithSecret},
                problems=(*BODIES, *known, "too_many_keys"),
            ),
            Route("POST", f"{ONE}/disable", self.disable, "Send nothing", TAG, responses={200: Endpoint}, problems=known),
            Route(
                "POST",
                f"{ONE}/enable",
                self.enable,
                "Send again, also after it was disabled for its failures",
                TAG,
                responses={200: Endpoint},
                problems=known,
            ),
        ]

    async def create(self, request: web.Request) -> web.Response:
        new = await read_model(request, NewEndpoint)
        self._check(new.url)
        found, key = await self._registry.create(new, caller_of(request).owner)
        where = f"{self._accepted.prefix(request)}{WEBHOOKS}/{found.endpoint.endpoint_id}"
        return json_response(self._with_secret(found, key), 201, {"Location": where})

    async def all(self, request: web.Request) -> web.Response:
        page, scope = query_of(request, EndpointsQuery), caller_of(request).scope
        owner = page.owner or scope
        if scope not in (None, owner):  # the caller may not see the endpoints of that owner
            return json_response({"endpoints": [], "next_cursor": None})
        found = await asyncio.to_thread(self._view.webhooks.endpoints, owner, page.limit, page.cursor)
        following = paging.cursor(*found[-1].place) if len(found) == page.limit else None
        return json_response({"endpoints": [self._document(each) for each in found], "next_cursor": following})

    async def one(self, request: web.Request) -> web.Response:
        return json_response(self._document(await self._registry.find(_id(request), caller_of(request))))

    async def update(self, request: web.Request) -> web.Response:
        await self._registry.find(_id(request), caller_of(request))
        changes = await read_model(request, EndpointChanges)
        if changes.url is not None:
            self._check(changes.url)
        given = changes.model_dump(exclude_none=True)

        def updated(endpoint: WebhookEndpoint, now: datetime) -> WebhookEndpoint:
            has_other_events = given.get("events", endpoint.events) != endpoint.events
            return endpoint.model_copy(update={**given, **({"events_at": now} if has_other_events else {})})

        return await self._changed(request, "updated", updated)

    async def delete(self, request: web.Request) -> web.Response:
        await self._registry.delete(_id(request), caller_of(request))
        return json_response({"success": True, "endpoint_id": _id(request), "message": "deleted; nothing is sent to it any more"})

    async def rotate(self, request: web.Request) -> web.Response:
        await self._registry.find(_id(request), caller_of(request))
        rotation = await read_model(request, Rotation, optional=True)
        found, key = await self._registry.rotate(_id(request), caller_of(request), rotation)
        return json_response(self._with_secret(found, key))

    async def disable(self, request: web.Request) -> web.Response:
        def disabled(endpoint: WebhookEndpoint, now: datetime) -> WebhookEndpoint:
            return endpoint.model_copy(update={"enabled": False, "disabled_at": now})

        return await self._changed(request, "disabled", disabled)

    async def enable(self, request: web.Request) -> web.Response:
        """What the sink said of it before no longer counts."""

        def enabled(endpoint: WebhookEndpoint, now: datetime) -> WebhookEndpoint:
            return endpoint.model_copy(update={"enabled": True, "enabled_at": now, "disabled_at": None})

        return await self._changed(request, "enabled", enabled)

    async def _changed(self, request: web.Request, what: str, change: Change) -> web.Response:
        return json_response(self._document(await self._registry.change(_id(request), caller_of(request), what, change)))

    def _check(self, url: str) -> None:
        if (problem := door_problem(url, self._reachable)) is not None:
            raise Problem(400, "bad_option", f"The field 'url' is wrong: it {problem}.", field="url", expected="a usable URL")

    def _with_secret(self, found: EndpointView, key: str) -> dict[str, Any]:
        return {**self._document(found), "secret": key if signing.public_key(key) is None else None}

    def _document(self, found: EndpointView) -> dict[str, Any]:
        """Without secrets."""
        endpoint, now = found.endpoint, datetime.now(UTC)
        keys = [self._key(secret) for secret in endpoint.valid_secrets(now)]
        return {
            "endpoint_id": endpoint.endpoint_id,
            "owner": endpoint.owner,
            "url": endpoint.url,
            "description": endpoint.description,
            "events": endpoint.events or ENDS,
            "signature": "hmac" if keys[0]["public_key"] is None else "ed25519",
            "keys": keys,
            "enabled": found.is_enabled,
            **_health(found),
            "created_at": endpoint.created_at,
            "changed_at": endpoint.changed_at,
        }

    def _key(self, secret: WebhookSecret) -> dict[str, Any]:
        public_key = self._registry.public_key(secret)
        return {"created_at": secret.created_at, "valid_until": secret.valid_until, "public_key": public_key}


def _id(request: web.Request) -> str:
    return request.match_info["endpoint_id"]


def _health(found: EndpointView) -> dict[str, Any]:
    """Whoever disabled it last says why."""
    state = found.current_state
    facts: dict[str, Any] = {"disabled_reason": None, "disabled_at": None, "failing_since": state and state.failing_since}
    if not found.endpoint.enabled:
        return facts | {"disabled_reason": "requested", "disabled_at": found.endpoint.disabled_at}
    if state is not None and state.disabled_at is not None:
        return facts | {"disabled_reason": state.reason, "disabled_at": state.disabled_at}
    return facts
