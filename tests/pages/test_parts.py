"""What the parts promise: the matrix tells which cell was clicked, and nothing a person wrote becomes markup."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from core.records import Label
from pages.parts import markup, matrix


def test_a_click_on_the_matrix_gives_the_true_and_the_said_label() -> None:
    event = SimpleNamespace(selection=SimpleNamespace(points=[{"x": 2, "y": 0}]))
    assert matrix.clicked(event) == (0, 2)
    assert matrix.clicked(SimpleNamespace(selection=SimpleNamespace(points=[]))) is None
    assert matrix.clicked(None) is None


def test_the_matrix_says_in_words_what_a_cell_holds() -> None:
    figure = matrix.matrix(np.array([[5, 2], [0, 1]]), ["cat", "<b>dog"], "#fff")
    assert list(figure.data[-1].hovertext) == [
        "5 pictures of cat, and it says so",
        "2 pictures of cat, taken for &lt;b&gt;dog",
        "1 picture of &lt;b&gt;dog, and it says so",
    ]


def test_a_hundred_labels_get_cells_without_numbers() -> None:
    figure = matrix.matrix(np.eye(100, dtype=np.int64), [f"label {n}" for n in range(100)], "#fff")
    assert [trace.mode for trace in figure.data if trace.type == "scatter"] == ["markers"]
    assert figure.layout.height <= 900


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '" onload="x', "a & b"])
def test_a_name_in_markup_is_escaped(name: str) -> None:
    drawn = markup.chips([Label(1, 1, name, 0, 3)]) + markup.facts({name: name}) + markup.words(name)
    assert name not in drawn
    assert "<script" not in drawn and 'onload="' not in drawn


@pytest.mark.parametrize(("accuracy", "shown"), [(0.998, "99 %"), (1.0, "100 %"), (0.57, "57 %"), (0.29, "29 %")])
def test_an_accuracy_is_never_rounded_up(accuracy: float, shown: str) -> None:
    assert f"<b>{shown}</b>" in markup.score(accuracy, (0.2, 1.0), None, "")
