"""The embedded mode: the whole system in one process, and how it resumes after a restart."""

from murmur.dev.system import Dev, folders, with_folders

__all__ = ["Dev", "folders", "with_folders"]
