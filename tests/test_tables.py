"""A table of pictures: no cell is a formula, and every cell comes back as it was."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import tables
from core.errors import Refused
from core.records import Split
from core.tables import Row

CELLS = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ["=1+1", "'=1+1", "''@x", "+", "-3", "@a", "\tx", "\r", "'", "'a", 'a"b', "a,b", "two\nlines", "cr\r\nlf", " "]
)


@settings(deadline=None)
@given(st.builds(Row, CELLS.filter(bool), CELLS.filter(bool) | st.none(), st.sampled_from(Split), CELLS, CELLS, CELLS))
def test_a_row_is_read_back_exactly_as_it_was_written(row: Row) -> None:
    assert tables.read(tables.line(tables.HEADER) + tables.write(row)) == {row.file: row}


@given(CELLS)
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert not tables.harmless(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_the_columns_are_those_that_others_rely_on() -> None:
    assert tables.line(tables.HEADER) == "file,label,split,origin,sha256,name\r\n"


def test_a_plain_table_of_file_and_label_is_enough() -> None:
    read = tables.read("\ufeffLabel,File,Split\ncat,a.jpg,test\n,b.jpg,sideways\ndog,a.jpg,\n")
    assert read == {"a.jpg": Row("a.jpg", "cat", Split.TEST), "b.jpg": Row("b.jpg", None, Split.AUTO)}


@pytest.mark.parametrize("text", ["", "picture,label\na,b\n", "file\n" + '"' + "x" * 200_000])
def test_what_is_no_table_is_refused_in_words(text: str) -> None:
    with pytest.raises(Refused, match="table"):
        tables.read(text)
