"""Pictures of every screen in its states: `make screenshots`, or `python -m tests.screenshots NAME ...` for some.

Starts the real app with its real processes on a scratch folder, with real pictures, and visits each screen dark and
light, on a desk and on a phone. The pictures and a page that shows them side by side are in build/screenshots; those
that the README shows are put into docs/pictures.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page

from core import datasets, models, runs, uploads, versions
from core.embedded import open_studio
from core.records import Dataset, RunState, Split
from core.settings import read_settings
from core.studio import Change, NewImage, Studio, Where
from tests.browser import ROOT, chromium, free_port, serve, settled, watched

OUT = ROOT / "build" / "screenshots"
README = ROOT / "docs" / "pictures"
DEMO = ROOT.parent / "shared" / "data" / "demo_clothes4.zip"
SAMPLES = ROOT / "build" / "samples.zip"
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
LOOKS = [(theme, size) for theme in ("dark", "light") for size in SIZES]
WAIT_S = 900.0  # a busy machine


@dataclass(frozen=True, slots=True)
class Shot:
    """One screen in one state; `act` brings it there."""

    name: str
    path: str
    whole: bool = True  # the whole page, not only what the window shows
    act: Callable[[Page], None] | None = None
    wait_ms: int = 700
    looks: list[tuple[str, str]] = field(default_factory=lambda: list(LOOKS))


def main(wanted: list[str]) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        done: list[str] = []
        for prepare in (empty, full, odd):
            done += visit(browser, prepare, wanted)
    contact_page(done)
    for name, source in (("home", "home-first"), ("training", "run-live"), ("try-it", "try-answered")):
        picture = OUT / f"{source}-dark-desk.png"
        if picture.exists():
            README.mkdir(parents=True, exist_ok=True)
            (README / f"{name}.png").write_bytes(picture.read_bytes())
    print(f"{len(done)} pictures in {OUT}; open {OUT / 'index.html'}")


def visit(browser: Browser, prepare: Callable[[Studio], list[Shot]], wanted: list[str]) -> list[str]:
    """Runs the app on a scratch folder, and ends and removes it all after; gives the names of the pictures taken."""
    with tempfile.TemporaryDirectory(prefix="darkroom-shots-") as folder:
        port = free_port()
        environment = {"DARKROOM_HOME": folder, "DARKROOM_PORT": str(port), "DARKROOM_IDLE_EXIT_S": "120"}
        studio = open_studio(read_settings({**os.environ, **environment}))
        try:
            with serve("app:app", environment, port) as address:
                shots = [shot for shot in prepare(studio) if shot.name in (wanted or [shot.name])]
                return [name for look in LOOKS for name in take(browser, address, shots, look)]
        finally:
            studio.services.stop(trainers=True)  # type: ignore[attr-defined]
            studio.decoder.close()


def take(browser: Browser, address: str, shots: list[Shot], look: tuple[str, str]) -> list[str]:
    """Visits them one after another in one window; gives the names of the pictures."""
    (theme, size), taken = look, []
    width, height = SIZES[size]
    with watched(browser, address, color_scheme=theme, viewport={"width": width, "height": height}) as page:
        for shot in [one for one in shots if look in one.looks]:
            page.set_viewport_size({"width": width, "height": height})
            page.goto(shot.path)
            settled(page)
            if shot.act:
                shot.act(page)
            page.wait_for_timeout(shot.wait_ms)
            if shot.whole:
                page.set_viewport_size({"width": width, "height": min(max(height, tall(page)), 3000)})
                page.wait_for_timeout(400)
            name = f"{shot.name}-{theme}-{size}.png"
            page.screenshot(path=OUT / name)
            print(f"{name}{'  SCROLLS SIDEWAYS' if wide(page) else ''}")
            taken.append(name)
    return taken


def wide(page: Page) -> bool:
    """Something is wider than the window."""
    too_wide: bool = page.evaluate(
        "(e => e.scrollWidth > e.clientWidth)(document.querySelector('[data-testid=stMain]'))"
    )
    return too_wide


def tall(page: Page) -> int:
    """px that the page is high."""
    height: int = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    return height + 8


def empty(_studio: Studio) -> list[Shot]:
    """Nothing there yet."""
    return [Shot(f"{name or 'home'}-empty", f"/{name}") for name in ("", "datasets", "label", "train", "models", "try")]


def full(studio: Studio) -> list[Shot]:
    """Two real datasets, a model of each kind, a run at work and one that waits."""
    uploads.import_path(studio, SAMPLES, "Road signs")
    if DEMO.exists():
        uploads.import_path(studio, DEMO, "Clothes")
    shown = datasets.all_of(studio)[0]
    wait(lambda: all(models.instant(studio, one.id).state == "ready" for one in datasets.all_of(studio)))
    done = runs.start(studio, shown.id, "mlp", 6)
    wait(lambda: runs.get(studio, done.id).state.final)
    steady = {"schedule": "constant", "warmup_share": 0.0}
    failed = runs.start(studio, shown.id, "mlp", 5, {"optimizer": "sgd", "learning_rate": 5.0, **steady})
    paused = runs.start(studio, shown.id, "plain-cnn", 200, {"side": 32})
    wait(lambda: runs.get(studio, paused.id).epoch >= 3)
    runs.pause(studio, paused.id)
    live = runs.start(studio, shown.id, "three-block-cnn", 40)
    waiting = runs.start(studio, shown.id, "plain-cnn", 10)
    wait(lambda: runs.get(studio, live.id).epoch >= 6 or runs.get(studio, live.id).state.final)
    instant = models.instant(studio, shown.id).model
    signs = datasets.find(studio, "Road signs")
    finished = runs.get(studio, done.id)
    kept = changed(studio, signs)
    assert instant is not None and finished.state is RunState.SUCCEEDED, finished.error
    return [
        Shot("run-live", f"/train?run={live.id}", wait_ms=2500),
        Shot("home", "/"),
        Shot("home-first", "/", whole=False, looks=LOOKS[:1]),
        Shot("run-waiting", f"/train?run={waiting.id}"),
        Shot("run-done", f"/train?run={done.id}", wait_ms=2500),
        Shot("run-paused", f"/train?run={paused.id}", wait_ms=2500),
        Shot("run-failed", f"/train?run={failed.id}", wait_ms=2500),
        Shot("train", f"/train?dataset={shown.id}"),
        Shot("datasets", "/datasets"),
        Shot("dataset", f"/datasets?dataset={shown.id}", wait_ms=1500),
        Shot("versions", f"/datasets?dataset={signs.id}&view=versions"),
        Shot("compared", f"/datasets?dataset={signs.id}&view=versions&before={kept}&after=0&kind=relabelled"),
        Shot("merge", "/datasets?merge=1"),
        Shot("dataset-selected", f"/datasets?dataset={shown.id}", whole=False, act=select, looks=LOOKS[:2]),
        Shot("dataset-large", f"/datasets?dataset={shown.id}", whole=False, act=enlarge, wait_ms=1500),
        Shot("dataset-doubtful", f"/datasets?dataset={shown.id}&label=doubtful", looks=LOOKS[:1]),
        Shot("dataset-map", f"/datasets?dataset={shown.id}&view=map", act=mapped, wait_ms=1500),
        Shot("label", f"/label?dataset={shown.id}", whole=False, wait_ms=1500),
        Shot("models", "/models"),
        Shot("model", f"/models?model={instant.id}", wait_ms=2000),
        Shot("model-trained", f"/models?model={finished.model_id}", wait_ms=2500),
        Shot("try", f"/try?dataset={signs.id}"),
        Shot("try-answered", f"/try?dataset={signs.id}", act=ask, wait_ms=1500, looks=LOOKS[:1]),
        Shot("system", "/system"),
    ]


def changed(studio: Studio, dataset: Dataset) -> int:
    """Keeps a dataset, then relabels some of its pictures; the version."""
    kept = versions.keep(studio, dataset.id, "Before the fair").id
    images = studio.store.images.page(dataset.id, Where(order="mixed"), 0, 12)
    datasets.change(studio, dataset.id, "relabel", [Change(one.id, label=images[0].label) for one in images])
    return kept


def odd(studio: Studio) -> list[Shot]:
    """What is hard on a layout, and what goes wrong."""
    uploads.import_path(studio, SAMPLES, "Road signs")
    many, lonely = odd_dataset(studio), one_label(studio)
    wait(lambda: models.instant(studio, many).state == "ready")
    model = models.instant(studio, many).model
    assert model is not None
    return [
        Shot("home-odd", "/"),
        Shot("dataset-odd", f"/datasets?dataset={many}", wait_ms=1500),
        Shot("label-odd", f"/label?dataset={many}", wait_ms=1500),
        Shot("model-odd", f"/models?model={model.id}", wait_ms=2000),
        Shot("nowhere", "/models?model=999"),
        Shot("one-label", f"/train?dataset={lonely}", act=start, looks=LOOKS[:1]),
    ]


def wait(over: Callable[[], bool]) -> None:
    """Raises TimeoutError."""
    ends_at = time.monotonic() + WAIT_S
    while not over():
        if time.monotonic() > ends_at:
            raise TimeoutError("The background processes take longer than they should.")
        time.sleep(0.3)


def odd_dataset(studio: Studio) -> int:
    """100 labels, the names of some of which are hard on a layout."""
    names = {at: f"label {at}" for at in range(100)}
    names |= {0: "x", 1: "an exceedingly long name for a label that nobody reads to its end", 2: "<b>", 3: "=1+1"}
    dataset = datasets.create(studio, "Names that are hard on a layout, of which this is one, and it is still not over")
    known = studio.store.images.page(datasets.all_of(studio)[-1].id, Where(), 0, 200)
    new = [
        NewImage(one.sha256, one.name, names[at % 100], Split.AUTO, one.width, one.height, one.format, one.bytes)
        for at, one in enumerate(known)
    ]
    studio.store.images.add(dataset.id, new, studio.who, "Added pictures")
    return dataset.id


def one_label(studio: Studio) -> int:
    dataset = datasets.create(studio, "One label only")
    known = studio.store.images.page(datasets.find(studio, "Road signs").id, Where(), 0, 12)
    new = [
        NewImage(one.sha256, one.name, "sign", Split.AUTO, one.width, one.height, one.format, one.bytes)
        for one in known
    ]
    studio.store.images.add(dataset.id, new, studio.who, "Added pictures")
    return dataset.id


def ask(page: Page) -> None:
    """Tries two of the pictures that stand ready; the second answer is on top."""
    for at in (2, 6):
        page.get_by_role("button").locator("img").nth(at).click()
        page.wait_for_timeout(2500)


def select(page: Page) -> None:
    page.get_by_role("button", name="Select all").click()


def enlarge(page: Page) -> None:
    page.locator(".cell").first.dblclick()


def mapped(page: Page) -> None:
    page.locator(".field-of-points[data-points]").wait_for()


def start(page: Page) -> None:
    page.get_by_text("Start training").click()
    settled(page)


def contact_page(names: list[str]) -> None:
    """All pictures on one page."""
    figure = '<figure><a href="{0}"><img src="{0}" loading="lazy"></a><figcaption>{0}</figcaption></figure>'
    figures = "".join(figure.format(name) for name in sorted(names))
    style = "body{background:#131110;color:#f3ede4;columns:4 300px} img{width:100%} figure{margin:0 0 1em}"
    page = f"<!doctype html><title>Screenshots</title><style>{style}</style>{figures}"
    (OUT / "index.html").write_text(page, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
