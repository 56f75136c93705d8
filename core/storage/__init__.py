"""Facts and files: the only place that knows SQL and file names."""

from __future__ import annotations

from core.storage.access import Shares, Tokens
from core.storage.batches import Batches
from core.storage.counts import Counts
from core.storage.database import Database
from core.storage.datasets import Datasets
from core.storage.desk import Desk
from core.storage.errands import Errands
from core.storage.explanations import Explanations
from core.storage.facts import Facts
from core.storage.files import LocalFiles
from core.storage.findings import Findings
from core.storage.images import Images
from core.storage.incoming import Arriving
from core.storage.merging import Merging
from core.storage.migrations import migrate
from core.storage.models import Models
from core.storage.packages import Packages
from core.storage.predictions import Predictions
from core.storage.runs import Runs
from core.storage.searches import Searches
from core.storage.surveys import Surveys
from core.storage.uploads import Uploads
from core.storage.vectors import Services, VectorRows
from core.storage.versions import Versions
from core.stores import Store

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
        errands=Errands(database),
        images=Images(database, counts),
        desk=Desk(database),
        vectors=VectorRows(database),
        facts=Facts(database),
        uploads=Uploads(database),
        versions=Versions(database),
        runs=Runs(database),
        models=Models(database),
        predictions=Predictions(database),
        searches=Searches(database),
        batches=Batches(database),
        tokens=Tokens(database),
        shares=Shares(database),
        packages=Packages(database),
        incoming=Arriving(database),
        surveys=Surveys(database),
        explanations=Explanations(database),
        findings=Findings(database),
        services=Services(database),
    )
