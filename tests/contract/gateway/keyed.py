"""A gateway that requires API keys, and its callers: two owners and an administrator."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime import api_keys
from tests.contract.gateway.running_gateway import RunningGateway, embedded
from tests.waiting import wait_until

NONE: Mapping[str, Mapping[str, int]] = {}


@dataclass(frozen=True, slots=True)
class Keyed:
    """`gateway` without a key; the others with theirs."""

    gateway: RunningGateway
    file: Path
    keys: dict[str, str]

    def of(self, owner: str) -> RunningGateway:
        return self.gateway.with_headers(X_API_Key=self.keys[owner])

    def add(self, owner: str, **limits: int) -> RunningGateway:
        """A new key, from now on."""
        key = api_keys.new_key()
        with self.file.open("a") as file:
            file.write(api_keys.line(owner, key, limits) + "\n")
        caller = self.gateway.with_headers(X_API_Key=key)
        wait_until(lambda: caller.get("/api/models").status == 200, "the new key to be valid")
        return caller


@contextmanager
def keyed(folder: Path, limited: Mapping[str, Mapping[str, int]] = NONE, **options: object) -> Iterator[Keyed]:
    """With keys of alice and bob, of ops, an administrator, and of other owners with limits. `options`: settings."""
    keys = {owner: api_keys.new_key() for owner in ("alice", "bob", "ops", *limited)}
    lines = [api_keys.line(owner, key, limited.get(owner), is_admin=owner == "ops") for owner, key in keys.items()]
    file = folder / "keys"
    file.write_text("\n".join([*lines, ""]))
    with embedded(folder, api_keys_file=file, **options) as gateway:
        yield Keyed(gateway, file, keys)
