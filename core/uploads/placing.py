"""Which label each picture gets: the folders, a table or the file names, as a person chose or as fits best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from core import label_tables, layouts, names
from core.label_tables import Table
from core.layouts import Kind, Place
from core.records import ItemState, Split, Upload, UploadItem, UploadState
from core.studio import Studio
from core.uploads.staging import chunks, staged

_PAGE = 2000
_MOST_TABLES = 20
_PICTURES = (ItemState.ACCEPTED, ItemState.DUPLICATE)


def place(studio: Studio, upload: Upload) -> None:
    """Writes label and split of every item, and into the upload's plan how it was read and how else it could be."""
    store = studio.store.uploads
    folders = store.folders(upload.id)
    reading = layouts.read(folders)
    total = sum(folders.values())
    tables = _tables(studio, upload, total)
    matched = sum(len(table.places) for table in tables)
    named = _named(studio, upload.id) if folders and not any(p.label for p in reading.places.values()) else Counter()
    choices = _choices(reading, tables, named)
    wished = str(upload.plan.get("wish", ""))
    kinds = [choice["kind"] for choice in choices]
    # Folders that say labels are what people see and mean; a table wins against them only if an export wrote it.
    trusted = any(table.ours for table in tables) or len(_labels_of(Kind.FOLDERS, reading, tables, named)) < 2
    best = Kind.TABLE if tables and matched * 2 >= total and trusted else Kind.FOLDERS
    kind = Kind(wished) if wished in kinds else best
    _write(studio, upload.id, kind, reading, tables)
    said = list(reading.sentences) if kind is Kind.FOLDERS else []
    if kind is Kind.TABLE:
        said = [sentence for table in tables for sentence in table.sentences(total)]
    said += _without_pictures(studio, upload.id, reading)
    plan = {name: value for name, value in upload.plan.items() if name != "cursor"}
    read = _labels_of(kind, reading, tables, named)
    store.plan(upload.id, {**plan, "reading": str(kind), "read": read, "choices": choices, "explained": said})


def choose(studio: Studio, upload_id: str, reading: str) -> None:
    """Another way to read the labels; the indexer places the pictures anew. A way that does not fit changes nothing."""
    upload = studio.store.uploads.get(upload_id)
    if reading in [choice["kind"] for choice in upload.plan.get("choices", [])]:
        studio.store.uploads.plan(upload_id, {**upload.plan, "wish": reading})
        studio.store.uploads.move(upload_id, [UploadState.READY], UploadState.CHECKING)
        studio.services.wake()


def _choices(reading: layouts.Reading, tables: Sequence[Table], named: Counter[str | None]) -> list[dict[str, Any]]:
    """{kind, labels: how many, example: a few} of each way to read the labels; none where there is no choice."""
    ways = (Kind.FOLDERS, Kind.OUTER, Kind.TABLE, Kind.NAMES)
    found = [(kind, labels) for kind in ways if (labels := _labels_of(kind, reading, tables, named))]
    if not found or (found[0][0] is Kind.FOLDERS and len(found) == 1):
        return []
    told = [{"kind": str(kind), "labels": len(labels), "example": labels[:3]} for kind, labels in found]
    return [*told, {"kind": str(Kind.NONE), "labels": 0, "example": []}]


def _labels_of(kind: Kind, reading: layouts.Reading, tables: Sequence[Table], named: Counter[str | None]) -> list[str]:
    """The labels that pictures get when they are read in this way, in natural order."""
    found: set[str | None] = set()
    if kind in (Kind.FOLDERS, Kind.OUTER):
        places = reading.places if kind is Kind.FOLDERS else reading.outer
        found = {place.label for place in places.values()}
    elif kind is Kind.TABLE:
        found = {place.label for table in tables for place in table.places.values()}
    elif kind is Kind.NAMES and layouts.names_tell(named):
        found = set(named)
    return sorted((label for label in found if label), key=names.natural_key)


def _write(studio: Studio, upload_id: str, kind: Kind, reading: layouts.Reading, tables: Sequence[Table]) -> None:
    store = studio.store.uploads
    places = reading.outer if kind is Kind.OUTER else reading.places
    keep = kind in (Kind.FOLDERS, Kind.OUTER)
    store.place(upload_id, {folder: (p.label if keep else None, p.split) for folder, p in places.items()})
    for some in chunks(list(_each(studio, upload_id, kind, reading, tables)), _PAGE):
        store.place_each(upload_id, dict(some))


def _each(
    studio: Studio, upload_id: str, kind: Kind, reading: layouts.Reading, tables: Sequence[Table]
) -> Iterator[tuple[str, Place]]:
    """Labels that are not those of a whole folder."""
    folder_of = {path: UploadItem(upload_id, path, ItemState.ACCEPTED, 0).folder for t in tables for path in t.places}
    if kind is Kind.TABLE:
        for table in reversed(tables):  # of two tables that name a picture, the first one counts: it is written last
            for path, place in table.places.items():
                split = place.split
                if split is Split.AUTO and not table.ours:
                    split = reading.places[folder_of[path]].split
                yield path, replace(place, split=split)
    elif kind is Kind.NAMES:
        for item in _pictures(studio, upload_id):
            yield item.path, Place(layouts.named_label(item.path), reading.places[item.folder].split)


def _named(studio: Studio, upload_id: str) -> Counter[str | None]:
    return Counter(layouts.named_label(item.path) for item in _pictures(studio, upload_id))


def _pictures(studio: Studio, upload_id: str) -> Iterator[UploadItem]:
    for state in _PICTURES:
        yield from _items(studio, upload_id, state)


def _items(studio: Studio, upload_id: str, state: ItemState) -> Iterator[UploadItem]:
    """A page at a time: an upload may hold 100,000."""
    after: str | None = None
    while page := studio.store.uploads.items(upload_id, state, _PAGE, after):
        yield from page
        after = page[-1].path


def _tables(studio: Studio, upload: Upload, pictures: int) -> list[Table]:
    """The tables of the upload that say something about its pictures."""
    if not pictures:
        return []
    ignored = _items(studio, upload.id, ItemState.IGNORED)
    kept = list(islice((item for item in ignored if layouts.is_table(item.path)), _MOST_TABLES))
    found = []
    for item in kept:
        file = staged(studio, upload.id, item.path)
        if file.exists():
            paths = (picture.path for picture in _pictures(studio, upload.id))
            found.append(label_tables.read(file, item.path, paths))
    return [table for table in found if table and table.matches(pictures)]


def _without_pictures(studio: Studio, upload_id: str, reading: layouts.Reading) -> list[str]:
    """Folders a person may have meant as labels, of which nothing can be used."""
    labels = {place.label for place in reading.places.values()}
    others = studio.store.uploads.folders(upload_id, (ItemState.REFUSED, ItemState.IGNORED))
    holding = {
        path[:depth] for folder in reading.places for path in [layouts.parts(folder)] for depth in range(len(path) + 1)
    }
    empty = {path[-1] for folder in others if (path := layouts.parts(folder)) and path not in holding}
    told = sorted((name for name in empty - labels if not layouts.is_noise(name)), key=names.natural_key)
    return [
        f"“{name}” was left out: a name that begins with a dot is hidden."
        if layouts.is_system(name)
        else f"“{name}” holds no picture that can be used."
        for name in told[:3]
    ]
