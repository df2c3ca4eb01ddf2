"""Where the settings let webhooks go and files be fetched from.

The gateway refuses what a URL says (`problem`); whoever connects checks each address that it connects to (`guard`).
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from runtime.addresses import Guard, Network, Reach, literal, networks, opens, reach
from runtime.setting_types import listed
from runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Reachable:
    """`private`: all private addresses, or those of some networks. `plain`: http also to public addresses; it always may go to a
    private address that is open."""

    private: bool | tuple[Network, ...] = False
    plain: bool = True

    @classmethod
    def for_webhooks(cls, settings: Settings) -> "Reachable":
        return cls(
            settings.webhook_allow_private or networks(*listed(settings.webhook_allow_networks)), settings.webhook_allow_http
        )

    @classmethod
    def for_fetching(cls, settings: Settings) -> "Reachable":
        return cls(settings.fetch_allow_private or networks(*listed(settings.fetch_allow_networks)))

    def guard(self, *, tls: bool) -> Guard:
        return Guard(self.private, public=tls or self.plain)

    def problem(self, url: str) -> str | None:
        """Why nothing can be sent to what this URL spells out; None also for a name that may lead elsewhere. `url` has a host."""
        parts = urlsplit(url)
        is_plain = parts.scheme == "http" and not self.plain
        if (address := literal(parts.hostname or "")) is None:
            return "is not https" if is_plain and not self.private else None
        found = reach(address)
        if found is Reach.PRIVATE and not opens(self.private, address):
            return "leads to a private address that no setting allows"
        if found is Reach.FORBIDDEN:
            return "leads to an address where no receiver can be"
        return "is not https" if is_plain and found is Reach.PUBLIC else None
