"""An export holds every picture where it belongs and says everything in its table, but not where it was taken."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from core import datasets, exports, tables, uploads, versions, zips
from core.errors import NotFound, Refused
from core.records import Split
from core.stores import Change, NewImage, Where
from core.studio import Studio
from tests.worlds import make_studio, png

CANARY = "CANARY-52.5163N"


@dataclass(frozen=True)
class Given:
    """A picture to put into a dataset."""

    content: bytes
    name: str
    label: str | None
    split: Split = Split.AUTO
    origin: str = ""
    format: str = "PNG"


def located(format: str, seed: int, turned: int = 6) -> bytes:
    """A picture that knows where it was taken."""
    exif = Image.Exif()
    exif[0x0112] = turned
    exif[0x010E] = CANARY
    out = io.BytesIO()
    Image.linear_gradient("L").resize((40, 30)).rotate(seed * 10).convert("RGB").save(out, format, exif=exif.tobytes())
    return out.getvalue()


def fill(studio: Studio, name: str, given: list[Given]) -> int:
    """A dataset of these pictures, as an upload leaves them."""
    dataset_id = datasets.create(studio, name).id
    new = []
    for one in given:
        sha256 = hashlib.sha256(one.content).hexdigest()
        path = studio.files.picture(sha256)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(one.content)
        new.append(NewImage(sha256, one.name, one.label, one.split, 8, 8, one.format, len(one.content), one.origin))
    studio.store.images.add(dataset_id, new, "ann", "Added pictures")
    return dataset_id


def pets(*more: Given) -> list[Given]:
    return [Given(png(seed=n), f"pets/{label}/{n}.png", label) for n, label in enumerate(["cat", "dog"] * 3)] + [*more]


def unzipped(studio: Studio, dataset_id: int, version_id: int | None = None) -> dict[str, bytes]:
    pieces = exports.zip_pieces(studio, exports.plan(studio, dataset_id, version_id))
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def table(files: Mapping[str, bytes]) -> dict[str, tables.Row]:
    return tables.read(files["labels.csv"].decode())


def test_pictures_stand_in_a_folder_of_their_label_and_loose_without_one(studio: Studio) -> None:
    dataset_id = fill(studio, "pets", pets(Given(png(seed=90), "x/loose.png", None)))
    files = unzipped(studio, dataset_id)
    pictures = {"cat/0.png", "cat/2.png", "cat/4.png", "dog/1.png", "dog/3.png", "dog/5.png", "loose.png"}
    assert set(files) == pictures | {"labels.csv"}
    assert table(files)["cat/2.png"] == tables.Row(
        "cat/2.png", "cat", Split.AUTO, "", hashlib.sha256(files["cat/2.png"]).hexdigest(), "pets/cat/2.png"
    )
    assert table(files)["loose.png"].label is None


def test_where_splits_matter_they_are_the_folders_and_the_table_tells_what_was_left_open(studio: Studio) -> None:
    held = [Given(png(seed=90), "t.png", "cat", Split.TEST), Given(png(seed=91), "v.png", "dog", Split.VALIDATION)]
    files = unzipped(studio, fill(studio, "pets", pets(*held)))
    assert {"test/cat/t.png", "validation/dog/v.png", "train/cat/0.png"} < set(files)
    assert table(files)["train/cat/0.png"].split is Split.AUTO
    assert table(files)["test/cat/t.png"].split is Split.TEST


def test_a_version_is_exported_as_its_runs_use_it_whatever_the_dataset_became(studio: Studio) -> None:
    dataset_id = fill(studio, "pets", pets())
    version = versions.keep(studio, dataset_id, "then")
    everything = studio.store.images.page(dataset_id, Where(), 0, 100)
    datasets.change(studio, dataset_id, "relabel", [Change(image.id, label="cow") for image in everything])
    datasets.change(studio, dataset_id, "delete", [Change(image.id, deleted=True) for image in everything[:2]])
    rows = table(unzipped(studio, dataset_id, version.id)).values()
    frozen = {one.sha256: one for one in studio.store.versions.images(version.id)}
    assert {row.sha256: (row.label, row.split) for row in rows} == {
        sha: (version.labels[one.label_index], one.split) for sha, one in frozen.items()
    }
    assert {row.split for row in rows} == {Split.TRAIN, Split.VALIDATION}
    other = fill(studio, "other", [Given(png(seed=200), "a.png", "a")])
    with pytest.raises(NotFound):
        exports.plan(studio, other, version.id)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_no_picture_says_where_it_was_taken_and_every_picture_is_upright(studio: Studio, format: str) -> None:
    content = located(format, 1)
    assert CANARY.encode() in content
    dataset_id = fill(studio, "trip", [Given(content, "trip/a.x", "sea", format=format)])
    (path, clean) = next(iter(unzipped(studio, dataset_id).items()))
    assert path == {"JPEG": "sea/a.jpg", "WEBP": "sea/a.webp"}.get(format, "sea/a.png")
    assert CANARY.encode() not in clean
    assert (studio.decoder.pixels(clean) == studio.decoder.pixels(content)).all()


HOSTILE = [
    *(
        "../../etc",
        "C:\\x",
        "=1+1",
        "CON",
        "con.txt",
        ".hidden",
        "a/b",
        "a:b",
        "trailing. ",
        "<img>",
        "'=x",
        "-",
        "@sum",
    ),
    *("Å\u0301", "cat", "Cat", "CAT", "x" * 100, "__MACOSX", "\u202egnp", "Thumbs.db", "train", "日本語"),
]


def test_any_label_name_gets_a_safe_folder_and_stands_in_the_table_as_it_is(studio: Studio) -> None:
    given = [Given(png(seed=n), f"{name}/../{n}.png", name) for n, name in enumerate(HOSTILE)]
    dataset_id = fill(studio, "odd", given)
    files = unzipped(studio, dataset_id)
    for path in files.keys() - {"labels.csv"}:
        folder, slash, name = path.partition("/")
        assert slash and "/" not in name and folder.strip(". ") == folder
        assert not set('\\:*?"<>|\0\n') & set(path)
        assert folder.casefold() not in ("con", "con.txt", "__macosx", "thumbs.db", "..")
    assert len({path.casefold() for path in files}) == len(files)
    assert sorted(str(row.label) for row in table(files).values()) == sorted(HOSTILE)
    cells = [cell for line in files["labels.csv"].decode().splitlines() for cell in line.split(",")]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_pictures_of_one_name_are_numbered_and_one_that_cannot_be_read_is_named(studio: Studio) -> None:
    same = [Given(png(seed=n), "camera.png", "cat") for n in range(3)]
    dataset_id = fill(studio, "pets", [*same, Given(png(seed=9), "a/Camera.png", "cat")])
    lost = studio.store.images.page(dataset_id, Where(text="a/Camera"), 0, 1)[0]
    assert set(unzipped(studio, dataset_id)) - {"labels.csv"} == {
        "cat/Camera.png", "cat/camera (2).png", "cat/camera (3).png", "cat/camera (4).png"
    }  # fmt: skip
    studio.files.picture(lost.sha256).unlink()
    files = unzipped(studio, dataset_id)
    assert files["left out.txt"].decode() == "cat/Camera (a/Camera.png): Its file is missing or cannot be read.\n"
    assert len(table(files)) == 3


def test_exporting_what_was_exported_gives_the_same_bytes(studio: Studio) -> None:
    """Stands in for an import: the files with what the table says of them, in another order."""
    given = [
        *pets(Given(located("JPEG", 2), "b.jpg", "sea", Split.TEST, "trip", "JPEG")),
        Given(located("TIFF", 3), "b.tif", "sea", Split.TRAIN, "trip", "TIFF"),
        Given(located("JPEG", 4), "b.jpg", "sea", Split.TEST, "", "JPEG"),
        Given(png(seed=77), "odd/=1.png", "=1+1"),
        Given(png(seed=78), "odd/loose.png", None),
    ]
    first = exports.zip_pieces(studio, exports.plan(studio, fill(studio, "first", given)))
    whole = b"".join(first)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        rows = tables.read(archive.read("labels.csv").decode())
        formats = {".jpg": "JPEG", ".png": "PNG"}
        again = [
            Given(archive.read(row.file), row.name, row.label, row.split, row.origin, formats[Path(row.file).suffix])
            for row in rows.values()
        ]
    second = fill(studio, "second", again[::-1])
    assert b"".join(exports.zip_pieces(studio, exports.plan(studio, second))) == whole


def test_a_zip_is_sent_while_it_is_made_and_never_held(studio: Studio) -> None:
    block = bytes(range(256)) * 4096  # 1 MiB

    def files() -> Iterator[tuple[str, bytes]]:
        for n in range(64):
            yield f"{n}.bin", block

    tracemalloc.start()
    sent = sum(map(len, zips.stream(files())))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sent > 64 << 20
    assert peak < 8 << 20


def test_every_size_stands_before_its_picture_so_that_a_zip_can_be_unpacked_while_it_arrives(studio: Studio) -> None:
    whole = b"".join(zips.stream([("a.bin", b"x" * 10), ("b.bin", b"y" * 3_000_000), ("c.bin", b"")]))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert [entry.file_size for entry in archive.infolist()] == [10, 3_000_000, 0]
        assert not any(entry.flag_bits & 8 for entry in archive.infolist())  # 8: sizes only stand behind the data
    assert whole[18:22] == (10).to_bytes(4, "little")


def test_an_export_is_written_to_a_folder_or_a_zip_and_never_over_anything(studio: Studio, tmp_path: Path) -> None:
    export = exports.plan(studio, fill(studio, "pets", pets()))
    exports.write(studio, export, tmp_path / "out")
    exports.write(studio, export, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        on_disk = {str(p.relative_to(tmp_path / "out")): p.read_bytes() for p in (tmp_path / "out").rglob("*.*")}
        assert {name: archive.read(name) for name in archive.namelist()} == on_disk
    for target in ("out", "out.zip"):
        with pytest.raises(Refused, match="there already"):
            exports.write(studio, export, tmp_path / target)
    assert {path.name for path in tmp_path.iterdir()} == {"home", "out", "out.zip"}


def test_an_empty_dataset_says_that_there_is_nothing(studio: Studio) -> None:
    with pytest.raises(Refused, match="nothing to export"):
        exports.plan(studio, datasets.create(studio, "empty").id)


def test_importing_an_export_elsewhere_gives_the_same_dataset_and_the_same_export(
    studio: Studio, tmp_path: Path
) -> None:
    given = [
        *pets(Given(located("JPEG", 2), "b.jpg", "sea", Split.TEST, "trip", "JPEG")),
        Given(located("TIFF", 3), "b.tif", "sea", Split.TRAIN, "trip", "TIFF"),
        Given(located("JPEG", 4), "b.jpg", "sea", Split.TEST, "", "JPEG"),
        Given(png(seed=77), "odd/=1.png", "=1+1"),
        Given(png(seed=79), "odd/con.png", "con", Split.VALIDATION),
        Given(png(seed=78), "odd/loose.png", None),
    ]
    first = fill(studio, "first", given)
    exports.write(studio, exports.plan(studio, first), tmp_path / "first.zip")
    elsewhere = make_studio(tmp_path / "elsewhere", studio.decoder)
    imported = uploads.import_path(elsewhere, tmp_path / "first.zip", "first").dataset
    assert imported is not None
    assert said(elsewhere, imported.id) == said(studio, first)
    exports.write(elsewhere, exports.plan(elsewhere, imported.id), tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "first.zip").read_bytes()
    exports.write(studio, exports.plan(studio, first), tmp_path / "folder")
    unpacked = uploads.import_path(elsewhere, tmp_path / "folder", "unpacked").dataset
    assert unpacked is not None and said(elsewhere, unpacked.id) == said(studio, first)


def said(studio: Studio, dataset_id: int) -> list[tuple[str, str | None, Split, str]]:
    images = studio.store.images.page(dataset_id, Where(), 0, 1000)
    return sorted((one.name, one.label, one.split, one.origin) for one in images if one.label) + [
        (one.name, None, one.split, one.origin) for one in images if one.label is None
    ]
