"""The object store that the settings ask for. Used where resources are made; stages only see `store.ObjectStore`."""

from runtime.objects.store import ObjectStore
from runtime.settings import Settings


def from_settings(settings: Settings) -> ObjectStore:
    """Connects to nothing yet."""
    if settings.store == "s3":
        from runtime.objects.s3 import S3Store

        return S3Store(settings)
    from runtime.objects.directory import DirectoryStore

    names = (settings.uploads_bucket, settings.work_bucket, settings.results_bucket)
    return DirectoryStore({name: settings.store_dir / name for name in names})
