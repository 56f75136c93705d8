"""Uploads: from bytes on the wire to images in a dataset, every file named that does not make it.

receive (web: files go straight to disk) -> check (indexer or command line: the picture gate looks at each) ->
place (labels are read) -> understood (what a person reads and changes before saying yes) -> accept -> add.
Any step may be repeated; nothing is added twice.
"""

from __future__ import annotations

from core.uploads.adding import accept, add
from core.uploads.beginning import begin, cancel, finish, get, sweep
from core.uploads.checking import check
from core.uploads.importing import Imported, import_path
from core.uploads.placing import choose
from core.uploads.receiving import Receiver, append_archive, archive_size, finish_archive, missing
from core.uploads.understanding import Understood, understood

__all__ = [
    "Imported",
    "Receiver",
    "Understood",
    "accept",
    "add",
    "append_archive",
    "archive_size",
    "begin",
    "cancel",
    "check",
    "choose",
    "finish",
    "finish_archive",
    "get",
    "import_path",
    "missing",
    "sweep",
    "understood",
]
