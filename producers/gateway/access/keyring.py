"""The API keys that are valid now. Read at start and whenever their file changes, so that a removed key stops working."""

import hmac

from runtime import api_keys, exposure
from runtime.api_keys import ApiKey
from runtime.errors import UsageError
from runtime.logs import get_logger
from runtime.settings import Settings

log = get_logger(__name__)
Version = tuple[int, int, int, int]


class Keyring:
    """`load()` once, then `reload()` again and again, from one thread at a time; `find()` and `named()` from any."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys: tuple[ApiKey, ...] = ()
        self._version: Version | None = None
        self._failure: str | None = None

    @property
    def is_required(self) -> bool:
        """Whether requests need a key, also while none is valid."""
        return api_keys.are_configured(self._settings)

    def load(self) -> None:
        """Blocks. Raises UsageError: an invalid line, or no key where one is needed."""
        self._version = self._current_version()
        self._keys = exposure.check(self._settings)

    def reload(self) -> frozenset[str]:
        """Reads the file if it has changed. The ids of keys that are no longer valid. Blocks.

        A line that is invalid grants nothing; a file that cannot be read changes nothing. Both are logged once.
        """
        version = self._current_version()
        if self._settings.api_keys_file is None or version == self._version:
            return frozenset()
        try:
            lines = api_keys.read(self._settings)
        except UsageError as error:
            self._report(str(error))
            return frozenset()
        self._version = version
        self._report("; ".join(lines.problems) or None)
        removed = {key.id for key in self._keys} - {key.id for key in lines.keys}
        self._keys = lines.keys
        log.info("keys.loaded", entries=len(lines.keys), file=str(self._settings.api_keys_file))
        return frozenset(removed)

    def find(self, key: str) -> ApiKey | None:
        """Compares with every hash in constant time: how long it takes says nothing of any key."""
        if api_keys.KEY.fullmatch(key) is None:
            return None
        given, found = api_keys.digest(key), None
        for each in self._keys:
            if hmac.compare_digest(each.digest, given):
                found = each
        return found

    def named(self, key_id: str) -> ApiKey | None:
        return next((each for each in self._keys if each.id == key_id), None)

    def _report(self, failure: str | None) -> None:
        if failure is not None and failure != self._failure:
            log.error("keys.rejected", error=failure, hint="the gateway goes on with the keys that it could read")
        self._failure = failure

    def _current_version(self) -> Version | None:
        """Changes with the content of the file, also where it is replaced by another one or through a link. None: no file."""
        file = self._settings.api_keys_file
        try:
            status = file.stat() if file is not None else None
        except OSError:
            return None
        return None if status is None else (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
