"""The default studio: SQLite, local files, local processes. Torch and Streamlit stay outside."""

from __future__ import annotations

from core.imaging.pool import DecoderPool
from core.index.vector_file import LocalVectorFile
from core.running.calls import PredictorClient
from core.running.services import LocalServices
from core.settings import Settings, read_settings
from core.storage import LocalFiles, open_store
from core.studio import Studio


def open_studio(settings: Settings | None = None) -> Studio:
    """The studio of a data folder, made when it is not there. Starts no process; decoding children start when needed.

    Raises:
        StudioError: the settings or the data folder cannot be used, and what to do.
    """
    settings = settings or read_settings()
    files = LocalFiles(settings.home, settings.disk_reserve_bytes)
    store = open_store(settings.database)
    services = LocalServices(settings, files)
    return Studio(
        settings=settings,
        store=store,
        files=files,
        decoder=DecoderPool(settings.decoders, settings.picture_limit_bytes),
        vectors=LocalVectorFile(files.vectors()),
        predictor=PredictorClient(settings, files, services),
        services=services,
    )
