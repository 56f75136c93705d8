"""Tables that say the labels, as people and programs write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import label_tables
from core.label_tables import Table
from core.records import Split

PICTURES = ("set/images/1.jpg", "set/images/2.jpg", "set/images/3.jpg")


def read(
    folder: Path, content: str | bytes, path: str = "set/labels.csv", pictures: tuple[str, ...] = PICTURES
) -> Table:
    file = folder / "table"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    table = label_tables.read(file, "set/labels.csv", pictures)
    assert table is not None
    return table


def labels(table: Table) -> dict[str, str | None]:
    return {path.rpartition("/")[2]: place.label for path, place in table.places.items()}


@pytest.mark.parametrize(
    "content",
    [
        "file,label\nimages/1.jpg,cat\nimages/2.jpg,dog\n",
        "\ufefffile;label\r\nimages\\1.jpg;cat\r\nimages\\2.jpg;dog\r\n",
        "label\tfilename\ncat\t1.jpg\ndog\t2.jpg\n",
        "id,breed\n1,cat\n2,dog\n",
        "image,width,class\n/data/set/images/1.jpg,3,cat\n/data/set/images/2.jpg,3,dog\n",
        "1.jpg,cat\n2.jpg,dog\n",
        "cat,1.JPG\ndog,2.JPG\n",
        "file,label\nimages/1.jpg,cat\nimages/2.jpg,dog\n".encode("utf-16"),
    ],
)
def test_a_table_is_understood_however_it_is_written(tmp_path: Path, content: str | bytes) -> None:
    assert labels(read(tmp_path, content)) == {"1.jpg": "cat", "2.jpg": "dog"}


def test_our_own_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    content = (
        "file,label,split,origin\n"
        "images/1.jpg,'=1+1,train,pets\n"
        "images/2.jpg,,auto,pets\n"
        'images/3.jpg,"a"",""b",test,pets\n'
    )
    table = read(tmp_path, content)
    assert labels(table) == {"1.jpg": "=1+1", "2.jpg": None, "3.jpg": 'a","b'}
    assert [place.split for place in table.places.values()] == [Split.TRAIN, Split.AUTO, Split.TEST]


@pytest.mark.parametrize(
    "content",
    [
        "path,split\nimages/1.jpg,train\nimages/2.jpg,test\n",
        "images/1.jpg,train\nimages/2.jpg,test\n",
        "images/1.jpg,old/a.jpg\nimages/2.jpg,old/b.jpg\n",
    ],
)
def test_a_list_of_splits_or_of_other_names_is_no_table_of_labels(tmp_path: Path, content: str) -> None:
    (tmp_path / "table").write_text(content)
    assert label_tables.read(tmp_path / "table", "set/labels.csv", PICTURES) is None


def test_what_does_not_fit_is_counted_and_said(tmp_path: Path) -> None:
    content = "file,label\n1.jpg,cat\n1.jpg,dog\n9.jpg,fox\n"
    table = read(tmp_path, content)
    assert labels(table) == {"1.jpg": "cat"}
    said = " ".join(table.sentences(3))
    assert "the labels of 1 of 3 pictures" in said and "2 pictures are not in it" in said
    assert "1 of its lines name files that are not here" in said and "the first one counts" in said


def test_a_name_that_two_pictures_have_finds_neither(tmp_path: Path) -> None:
    table = read(tmp_path, "file,label\n1.jpg,cat\nb/2.jpg,dog\n", pictures=("a/1.jpg", "b/1.jpg", "b/2.jpg"))
    assert labels(table) == {"2.jpg": "dog"}


@pytest.mark.parametrize("content", [b"", b"\0\1\2", b"hello\n", b"a,b\nc,d\n", b"file,label\n", b'"' * 200_000])
def test_what_is_no_table_of_these_pictures_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "table").write_bytes(content)
    assert label_tables.read(tmp_path / "table", "x.csv", PICTURES) is None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=300), head=st.sampled_from([b"", b"file,label\n", b"file;label\n1.jpg;", b"\xff\xfe"])
)
def test_no_bytes_make_reading_a_table_fail(tmp_path: Path, content: bytes, head: bytes) -> None:
    (tmp_path / "table").write_bytes(head + content)
    table = label_tables.read(tmp_path / "table", "x.csv", PICTURES)
    assert table is None or set(table.places) <= set(PICTURES)
