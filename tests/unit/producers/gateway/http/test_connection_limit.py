"""What the gateway says about a limit of open files that is too low for its connections."""

from typing import Any

import pytest
from structlog.typing import EventDict

from producers.gateway.http import connections
from producers.gateway.http.connections import Connections
from runtime.settings import Settings

ROOM = 100


@pytest.mark.parametrize(
    ("configured", "events"),
    [({}, []), ({"gateway_connections": ROOM + 1}, ["connections.limited"]), ({"gateway_connections": ROOM}, [])],
    ids=["the default", "too many", "enough"],
)
def test_only_a_configured_number_that_has_no_room_is_a_warning(
    configured: dict[str, Any], events: list[str], logged: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "connections_for", lambda wanted: min(wanted, ROOM))
    Connections.of(Settings(_env_file=None, **configured))
    assert [line["event"] for line in logged] == events
