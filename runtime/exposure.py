"""Who can reach the gateway, and whether that needs API keys: a server that others can reach is never open by accident.

Checked by the gateway before it listens, by `murmur dev` and `murmur run` before they start anything, and by `murmur doctor`.
"""

from runtime import api_keys
from runtime.addresses import literal
from runtime.errors import UsageError
from runtime.setting_types import listed
from runtime.settings import Settings

HOW = "make a key with `murmur keys new --owner NAME` and put its line into the file that MURMUR_API_KEYS_FILE names"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there. A name other than `localhost` may be any address."""
    address = literal(host.strip("[]"))
    return address is not None and address.is_loopback


def check(settings: Settings) -> tuple[api_keys.ApiKey, ...]:
    """The keys that are valid now; none where none is needed. Blocks. Raises UsageError, which says how to fix it."""
    if not api_keys.are_configured(settings):
        _check_open(settings)
        return ()
    if settings.no_auth:
        raise UsageError("MURMUR_NO_AUTH (--no-auth) and API keys exclude each other: unset one of them")
    lines = api_keys.read(settings)
    if lines.problems:
        raise UsageError(f"invalid API keys: {'; '.join(lines.problems)}")
    if not lines.keys:
        raise UsageError(f"API keys are required, but there is none: {HOW}")
    return lines.keys


def _check_open(settings: Settings) -> None:
    if "*" in listed(settings.cors_origins):
        raise UsageError("MURMUR_CORS_ORIGINS=* without API keys would let every web page use the gateway: name the origins")
    if not settings.no_auth and not is_loopback(settings.gateway_host):
        raise UsageError(
            f"the gateway would listen on {settings.gateway_host or 'all addresses'}, where others can reach it, without API "
            f"keys: {HOW}, or allow everybody to use it with --no-auth (MURMUR_NO_AUTH=true)"
        )
