"""Have I done enough, on the Label screen and as a view of a dataset."""

from __future__ import annotations

import pytest

from core.enough import Band, as_content
from core.index.advising import work_out
from core.studio import Studio
from pages.parts.enough_chart import learning_curve
from tests.index.test_advising import clouds
from tests.pages.conftest import Visit, add, add_model, calm, words


def answered(studio: Studio) -> int:
    dataset_id = add(studio, "Fruit", {"<b>apple</b>": 40, "pear": 40, None: 3})
    add_model(studio, dataset_id)
    found = work_out(*clouds([40, 40], [1, 1], 0.1), ["<b>apple</b>", "pear"])
    revision = studio.store.datasets.get(dataset_id).labels_revision
    studio.store.surveys.want(dataset_id, "enough")
    studio.store.surveys.put(dataset_id, "enough", revision, 1.0, as_content(found))
    return dataset_id


def test_the_view_draws_the_curve_and_says_each_labels_advice(visit: Visit, studio: Studio) -> None:
    app = visit("datasets", dataset=answered(studio), view="enough")
    assert calm(app)
    assert len(app.get("plotly_chart")) == 1
    said = words(app)
    assert "every label is finished" in said and "“pear” is finished" in said
    assert "“&lt;b&gt;apple&lt;/b&gt;” is finished" in said


def test_while_it_is_worked_out_the_view_says_so(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 40, "pear": 40})
    app = visit("datasets", dataset=dataset_id, view="enough")
    assert calm(app) and "Teaching the model with fewer pictures" in words(app)
    assert "enough" in [one.kind for one in studio.store.surveys.due()]


def test_the_label_screen_has_the_one_line_and_the_way_to_the_rest(visit: Visit, studio: Studio) -> None:
    app = visit("labelling", dataset=answered(studio))
    assert calm(app) and "every label is finished" in words(app)
    assert "Have I done enough?" in [button.label for button in app.button]


def test_why_there_is_no_answer_is_said(visit: Visit, studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 3, "pear": 3})
    studio.store.surveys.want(dataset_id, "enough")
    studio.store.surveys.fail(dataset_id, "enough", 1, "Cannot tell yet: it takes 20.")
    assert "it takes 20" in words(visit("datasets", dataset=dataset_id, view="enough"))


def band(*places: int) -> Band:
    return tuple((float(many), 0.7, 0.8, 0.9) for many in places)


def test_few_measured_pictures_of_many_do_not_stand_on_one_another() -> None:
    wide = learning_curve(band(50, 500, 2_500), band(2_500, 90_000), 50_000, "black")
    assert wide.layout.xaxis.type == "log"
    assert list(wide.layout.xaxis.ticktext) == [
        "50",
        "100",
        "200",
        "500",
        "1,000",
        "2,000",
        "5,000",
        "10,000",
        "20,000",
        "50,000",
    ]
    note = wide.layout.annotations[0]
    assert 10**note.x == pytest.approx(50_000) and wide.layout.shapes[0].x0 == 50_000
    narrow = learning_curve(band(60, 300), band(300, 480), 320, "black")
    assert narrow.layout.xaxis.type is None and narrow.layout.annotations[0].x == 320
