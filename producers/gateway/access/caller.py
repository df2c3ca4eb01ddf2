"""The caller of a request: the owner of the key that it was sent with."""

from dataclasses import dataclass

from aiohttp import web

from runtime.api_keys import ApiKey


@dataclass(frozen=True, slots=True)
class Caller:
    """`owner`: of the jobs that it submits. `key`: None where no keys are required."""

    owner: str
    is_admin: bool
    key: ApiKey | None = None

    @property
    def scope(self) -> str | None:
        """The only owner whose jobs it may see; None: it may see all."""
        return None if self.is_admin else self.owner

    def may_see(self, owner: str) -> bool:
        return self.is_admin or self.owner == owner


API_KEY_HEADER = "X-API-Key"
ANYBODY = Caller("default", is_admin=True)
CALLER = web.RequestKey("caller", Caller)


def caller_of(request: web.Request) -> Caller:
    """Of a request whose route is not open to everybody."""
    return request[CALLER]
