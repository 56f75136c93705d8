"""Nothing there yet; and two real datasets with models, runs, a search and a version: what most people see."""

from __future__ import annotations

from playwright.sync_api import Page

from core import datasets, models, runs, searches, spaces, uploads, versions
from core.records import Dataset, RunState, SearchKind
from core.searches import Asked
from core.stores import Change, Where
from core.studio import Studio
from tests.browser import ROOT
from tests.screens.few import select
from tests.screens.shots import DATA, LOOKS, Shot, signs, wait

DEMO = DATA / "demo_clothes4.zip"


def empty(_studio: Studio) -> list[Shot]:
    """Nothing there yet."""
    return [
        Shot(f"{name or 'home'}-empty", f"/{name}")
        for name in ("", "datasets", "label", "train", "models", "try", "system")
    ]


def full(studio: Studio) -> list[Shot]:
    """Two real datasets, a model of each kind, a run at work and one that waits."""
    signs(studio)
    if DEMO.exists():
        uploads.import_path(studio, DEMO, "Clothes")
    shown = datasets.all_of(studio)[0]
    wait(lambda: all(models.instant(studio, one.id).state == "ready" for one in datasets.all_of(studio)))
    done = runs.start(studio, shown.id, "mlp", 6)
    wait(lambda: runs.get(studio, done.id).state.final)
    space = spaces.usual(studio.files, SearchKind.TPE, ["mlp", "digit-cnn"])
    search = searches.start(studio, shown.id, Asked(minutes=2, space=space, epochs=3, most=10))
    wait(lambda: searches.get(studio, search.id).state.final)
    steady = {"schedule": "constant", "warmup_share": 0.0}
    failed = runs.start(studio, shown.id, "mlp", 5, {"optimizer": "sgd", "learning_rate": 5.0, **steady})
    paused = runs.start(studio, shown.id, "plain-cnn", 200, {"side": 32})
    wait(lambda: runs.get(studio, paused.id).epoch >= 3)
    runs.pause(studio, paused.id)
    live = runs.start(studio, shown.id, "three-block-cnn", 40)
    waiting = runs.start(studio, shown.id, "plain-cnn", 10)
    asks = runs.start(studio, shown.id, "mobilenetv3_small_100.lamb_in1k", 5)
    wait(lambda: runs.get(studio, live.id).epoch >= 6 or runs.get(studio, live.id).state.final)
    instant = models.instant(studio, shown.id).model
    road = datasets.find(studio, "Road signs")
    finished = runs.get(studio, done.id)
    kept = changed(studio, road)
    assert instant is not None and finished.state is RunState.SUCCEEDED, finished.error
    return [
        Shot("run-live", f"/train?run={live.id}", act=drawn, wait_ms=2500),
        Shot("home", "/"),
        Shot("home-first", "/", whole=False, looks=LOOKS[:1]),
        Shot("run-waiting", f"/train?run={waiting.id}"),
        Shot("run-done", f"/train?run={done.id}", wait_ms=2500),
        Shot("run-paused", f"/train?run={paused.id}", wait_ms=2500),
        Shot("run-failed", f"/train?run={failed.id}", wait_ms=2500),
        Shot("run-asks", f"/train?run={asks.id}"),
        Shot("train", f"/train?dataset={shown.id}"),
        Shot("search", f"/train?search={search.id}", wait_ms=2500),
        Shot("search-form", f"/train?dataset={shown.id}&find=1"),
        Shot("datasets", "/datasets"),
        Shot("dataset", f"/datasets?dataset={shown.id}", wait_ms=1500),
        Shot("versions", f"/datasets?dataset={road.id}&view=versions"),
        Shot("compared", f"/datasets?dataset={road.id}&view=versions&before={kept}&after=0&kind=relabelled"),
        Shot("merge", "/datasets?merge=1"),
        Shot("dataset-selected", f"/datasets?dataset={shown.id}", whole=False, act=select),
        Shot("dataset-large", f"/datasets?dataset={shown.id}", whole=False, act=enlarge, wait_ms=1500),
        Shot("dataset-doubtful", f"/datasets?dataset={shown.id}&label=doubtful"),
        Shot("dataset-map", f"/datasets?dataset={shown.id}&view=map", act=mapped, wait_ms=1500),
        Shot("findings", f"/datasets?dataset={road.id}&view=findings", wait_ms=1500),
        Shot("enough", f"/datasets?dataset={shown.id}&view=enough", act=answered, wait_ms=1500),
        Shot("label", f"/label?dataset={shown.id}", whole=False, wait_ms=1500),
        Shot("models", "/models"),
        Shot("model", f"/models?model={instant.id}", wait_ms=2000),
        Shot("model-trained", f"/models?model={finished.model_id}", wait_ms=2500),
        Shot("why", f"/models?model={instant.id}", whole=False, act=why),
        Shot("why-occlusion", f"/models?model={instant.id}", whole=False, act=why_occlusion),
        Shot("why-erase", f"/models?model={instant.id}", whole=False, act=why_erase),
        Shot("model-use", f"/models?model={instant.id}&view=use", wait_ms=1500),
        Shot("model-away", f"/models?model={instant.id}&view=packages"),
        Shot("model-compared", f"/models?model={finished.model_id}&view=compare", wait_ms=2000),
        Shot("model-travel", f"/models?model={finished.model_id}&view=travel", wait_ms=2000),
        Shot("try", f"/try?dataset={road.id}"),
        Shot("try-answered", f"/try?dataset={road.id}", act=ask, wait_ms=1500),
        Shot("many", f"/try?dataset={road.id}", act=many, wait_ms=1500),
        Shot("system", "/system"),
        Shot("developers", "/developers", bare=True),
    ]


def changed(studio: Studio, dataset: Dataset) -> int:
    """Keeps a dataset, then relabels some of its pictures; the version."""
    kept = versions.keep(studio, dataset.id, "Before the fair").id
    images = studio.store.images.page(dataset.id, Where(order="mixed"), 0, 12)
    datasets.change(studio, dataset.id, "relabel", [Change(one.id, label=images[0].label) for one in images])
    return kept


def ask(page: Page) -> None:
    """Tries two of the pictures that stand ready; the second answer is on top."""
    for at in (2, 6):
        page.get_by_role("button").locator("img").nth(at).click()
        page.wait_for_timeout(2500)


def many(page: Page) -> None:
    """Drops the pictures that no model has seen, all at once."""
    page.locator("input[type=file]").nth(-2).set_input_files(
        sorted((ROOT / "build" / "samples" / "held_back").iterdir())
    )
    page.get_by_text("pictures answered.").wait_for()


def drawn(page: Page) -> None:
    page.locator(".main-svg").first.wait_for()


def answered(page: Page) -> None:
    page.get_by_text("measured, in repeated splits").wait_for()


def enlarge(page: Page) -> None:
    page.locator(".cell").first.dblclick()


def mapped(page: Page) -> None:
    page.locator(".field-of-points[data-points]").wait_for()


def why(page: Page) -> None:
    """Asks of the worst mistake why the model said so."""
    page.locator(".cell").first.click()
    page.get_by_role("button", name="Why?").click()
    page.locator("dialog.why canvas.map:not([hidden])").wait_for()


def why_occlusion(page: Page) -> None:
    why(page)
    page.locator("dialog.why [data-way=occlusion]").click()
    page.locator("dialog.why .scale.signed").wait_for()


def why_erase(page: Page) -> None:
    why(page)
    page.locator("dialog.why [data-way=erase]").click()
    box = page.locator("dialog.why .plate").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 40, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 20, steps=12)
    page.mouse.up()
    page.wait_for_timeout(1500)
