"""Facts and files: the only place that knows SQL and file names."""

from __future__ import annotations

from core.storage.counts import Counts
from core.storage.database import Database
from core.storage.datasets import Datasets
from core.storage.desk import Desk
from core.storage.facts import Facts
from core.storage.files import LocalFiles
from core.storage.findings import Findings
from core.storage.images import Images
from core.storage.merging import Merging
from core.storage.migrations import migrate
from core.storage.models import Models, Predictions
from core.storage.runs import Runs
from core.storage.surveys import Surveys
from core.storage.uploads import Uploads
from core.storage.vectors import Services, VectorRows
from core.storage.versions import Versions
from core.studio import Store

__all__ = ["Database", "LocalFiles", "open_store"]


def open_store(url: str) -> Store:
    """The store at a database URL, its schema brought up to date.

    Raises:
        StudioError: a newer Darkroom has written there.
    """
    database = Database(url)
    migrate(database)
    counts = Counts(database)
    datasets = Datasets(database, counts)
    return Store(
        datasets=datasets,
        merging=Merging(database, datasets),
        images=Images(database, counts),
        desk=Desk(database),
        vectors=VectorRows(database),
        facts=Facts(database),
        uploads=Uploads(database),
        versions=Versions(database),
        runs=Runs(database),
        models=Models(database),
        predictions=Predictions(database),
        surveys=Surveys(database),
        findings=Findings(database),
        services=Services(database),
    )
