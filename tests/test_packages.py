"""Packages: what is offered answers as the model does, and says what it costs; what does not is not offered."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pypdfium2
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from core import bundles, caution, models, packages
from core.card import card
from core.errors import NotFound
from core.graphs import with_head
from core.index.sessions import Ready
from core.packing import page, report, smaller
from core.packing.packer import Packer
from core.recipe import derive
from core.records import Model, ModelKind, Package, PackageKind, TrainingSpec, Verdict
from core.running.aside import LocalAside
from core.serving.routes import routes
from core.stores import Where
from core.studio import Studio
from tests.browser import chromium
from tests.test_graphs import D, backbone, photograph
from tests.worlds import folder_of, imported

NASTY = "</script><b>dog</b>"
LABELS = ["cat", NASTY]


def head(seed: int) -> bytes:
    weight = np.random.default_rng(seed).normal(size=(2, D)).astype(np.float32)
    return with_head(backbone(), weight, np.zeros(2, np.float32), LABELS)


def publish(studio: Studio, dataset_id: int, folder: str) -> Model:
    """An instant model of the dataset's pictures; published again it is the same model, fitted anew."""
    images = studio.store.images.page(dataset_id, Where(order="oldest"), 0, 100)
    held_out: dict[str, NDArray[Any]] = {
        "image_id": np.array([image.id for image in images], np.int64),
        "target": np.array([at % 2 for at in range(len(images))], np.int64),
        "probabilities": np.array([[0.8, 0.2]] * len(images), np.float32),
    }
    manifest = {"labels": LABELS, "kind": "instant", "recipe": {"head": "made up"}}
    weights = {"head.weight": np.eye(2, D, dtype=np.float32)}
    bundles.write_bundle(studio.files.model(folder), manifest, weights, head(0), held_out)
    scored: Any = (0.5, (0.3, 0.7), "cross-validation", len(images), folder, {})
    return studio.store.models.put(dataset_id, ModelKind.INSTANT, "efficientnet-lite0", LABELS, *scored)


@pytest.fixture
def model(studio: Studio, tmp_path: Path) -> Model:
    dataset = imported(studio, folder_of(tmp_path / "pets", {"cat": 6, "dog": 6}), "pets <i>")
    return publish(studio, dataset.id, "instant-1")


def aside(studio: Studio) -> LocalAside:
    return LocalAside(studio.settings)


def made(studio: Studio, model: Model, kind: PackageKind) -> bytes:
    packages.want(studio, model.id, kind)
    assert Packer(studio, aside(studio)).tick()
    return packages.file(studio, model.id, kind).read_bytes()


def answers(graph: bytes, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["probabilities"], {"image": picture[None]})[0][0], np.float32)


@pytest.mark.parametrize(("kind", "apart"), [(PackageKind.HALF, 0.02), (PackageKind.BYTE, 0.1)])
def test_a_smaller_form_answers_as_the_model_does_and_says_what_it_costs(
    studio: Studio, model: Model, kind: PackageKind, apart: float
) -> None:
    content = made(studio, model, kind)
    picture = photograph(40, 30)
    assert content != head(0)
    assert np.abs(answers(content, picture) - answers(head(0), picture)).max() < apart
    said = packages.all_of(studio, model.id)[kind]
    assert said.certificate["pictures"] == 12 and said.certificate["agreement"] >= 0.9
    assert said.certificate["bytes"] == len(content)
    assert "Says the same as the model on" in packages.words(said)


def digits(studio: Studio, dataset_id: int) -> Model:
    """A trained model of the dataset's pictures, in a network that is written here."""
    from core.learning.export import export
    from core.learning.networks import build

    recipe = derive(TrainingSpec("digit-cnn", 1, {"threads": 1}), 12, 2, 1)
    network = build("digit-cnn", 2, recipe).eval()
    images = studio.store.images.page(dataset_id, Where(order="oldest"), 0, 100)
    held_out: dict[str, NDArray[Any]] = {
        "image_id": np.array([image.id for image in images], np.int64),
        "target": np.array([at % 2 for at in range(len(images))], np.int64),
        "probabilities": np.array([[0.8, 0.2]] * len(images), np.float32),
    }
    about = {"labels": LABELS, "kind": "trained", "architecture": "digit-cnn", "recipe": recipe.as_dict()}
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    bundles.write_bundle(studio.files.model("run-1-1"), about, weights, export(network, recipe, LABELS), held_out)
    scored: Any = (0.5, (0.3, 0.7), "validation", len(images), "run-1-1", {})
    return studio.store.models.put(dataset_id, ModelKind.TRAINED, "digit-cnn", LABELS, *scored)


def test_a_form_for_torch_is_made_aside_and_certified_as_it_is_read_back(studio: Studio, model: Model) -> None:
    trained = digits(studio, model.dataset_id)
    content = made(studio, trained, PackageKind.TIMM)
    said = packages.all_of(studio, trained.id)[PackageKind.TIMM]
    assert said.certificate["pictures"] == 12 and said.certificate["agreement"] == 1.0
    assert said.certificate["difference"] < 1e-4 and said.certificate["bytes"] == len(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = {"README.md", "README.txt", "config.json", "model.safetensors", "network.py"}
        assert set(archive.namelist()) == names
        assert "library_name: timm" in archive.read("README.md").decode()


def test_what_the_process_aside_refuses_is_said_and_its_death_is_survived(studio: Studio, model: Model) -> None:
    trained = digits(studio, model.dataset_id)
    weights = studio.files.model(trained.folder) / "weights.safetensors"
    weights.write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    packages.want(studio, trained.id, PackageKind.TORCH)
    assert Packer(studio, aside(studio)).tick()
    problem = packages.all_of(studio, trained.id)[PackageKind.TORCH].problem
    assert problem is not None and "do not fit the architecture" in problem
    packages.want(studio, trained.id, PackageKind.TORCH)

    def dies(arguments: Sequence[str]) -> None:
        LocalAside(studio.settings)(["core.learning.nothing", *arguments])

    assert Packer(studio, dies).tick()
    problem = packages.all_of(studio, trained.id)[PackageKind.TORCH].problem
    assert problem is not None and "The model is safe" in problem


def test_a_form_that_answers_differently_is_not_offered(
    studio: Studio, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = np.zeros((2, D), np.float32)
    always = [with_head(backbone(), weight, np.array(bias, np.float32), LABELS) for bias in ([9, 0], [0, 9])]
    for graph in always:  # one of the two disagrees with whatever the model says
        monkeypatch.setattr(smaller, "half", lambda _graph, graph=graph: graph)
        packages.want(studio, model.id, PackageKind.HALF)
        assert Packer(studio, aside(studio)).tick()
        if (refused := packages.all_of(studio, model.id)[PackageKind.HALF]).problem:
            break
        publish(studio, model.dataset_id, "instant-2")
    assert refused.problem is not None and "so it is not offered" in refused.problem
    with pytest.raises(NotFound):
        packages.file(studio, model.id, PackageKind.HALF)


def test_a_package_of_a_model_that_was_fitted_anew_is_not_offered(studio: Studio, model: Model) -> None:
    made(studio, model, PackageKind.REPORT)
    publish(studio, model.dataset_id, "instant-2")
    assert packages.all_of(studio, model.id) == {}
    with pytest.raises(NotFound, match="not made yet"):
        packages.file(studio, model.id, PackageKind.REPORT)
    assert made(studio, model, PackageKind.REPORT)


def test_a_package_that_ends_its_process_three_times_is_left_alone(studio: Studio, model: Model) -> None:
    asked = packages.want(studio, model.id, PackageKind.BYTE)
    for _ in range(3):
        assert studio.store.packages.due()
        studio.store.packages.begin(asked)
    assert not studio.store.packages.due() and not Packer(studio, aside(studio)).tick()
    left = packages.all_of(studio, model.id)[PackageKind.BYTE]
    assert left.problem and not left.pending
    assert packages.want(studio, model.id, PackageKind.BYTE).pending, "a person may ask again"


def test_a_package_whose_file_is_gone_is_made_again(studio: Studio, model: Model) -> None:
    made(studio, model, PackageKind.REPORT)
    found = packages.all_of(studio, model.id)[PackageKind.REPORT]
    packages.place(studio, found).unlink()
    assert packages.size(studio, found) is None
    assert made(studio, model, PackageKind.REPORT), "whoever asks again gets one"


def test_a_model_whose_pictures_are_gone_cannot_be_certified(studio: Studio, model: Model) -> None:
    for image in studio.store.images.page(model.dataset_id, Where(), 0, 100):
        studio.files.picture(image.sha256).unlink()
    packages.want(studio, model.id, PackageKind.HALF)
    Packer(studio, aside(studio)).tick()
    problem = packages.all_of(studio, model.id)[PackageKind.HALF].problem
    assert problem is not None and "Too few" in problem


def test_names_in_a_report_and_a_card_are_words_and_nothing_else(studio: Studio, model: Model) -> None:
    told = made(studio, model, PackageKind.REPORT).decode()
    assert "<b>dog" not in told and "pets <i>" not in told and "&lt;b&gt;dog&lt;/b&gt;" in told
    about = {"labels": [NASTY, "a|b"], "dataset": "x\n# y", "kind": "instant"}
    markdown = card(about | {"accuracy": 0.5, "interval": [0, 1], "measured_n": 40})
    assert "<b>" not in markdown and "\n# y" not in markdown and "a\\|b" in markdown
    front = markdown.split("---")[1]
    assert '"x\\n# y, instant"' in front and "value: 0.5000" in front


def test_of_few_pictures_reports_cards_and_certificates_give_counts_and_no_share(studio: Studio, model: Model) -> None:
    told = report.gather(studio, model)
    assert told.figure == "6 of 12" and [row[2:] for row in told.labels] == [("6 of 6", "6 of 12"), ("0 of 6", "–")]
    page = made(studio, model, PackageKind.REPORT).decode()
    assert '<div class="score">6 of 12</div>' in page and "50.0 %" not in page and "100.0 %" not in page
    with pypdfium2.PdfDocument(made(studio, model, PackageKind.PDF)) as paper:
        printed = paper[0].get_textpage().get_text_range()
        assert "6 of 12" in printed and "50.0 %" not in printed
    scores = [{"label": "cat", "images": 6, "recall": 1.0, "precision": 0.5, "f1": None}]
    about = {"labels": LABELS, "accuracy": 0.5, "interval": [0.2, 0.8], "measured_n": 12}
    markdown = card(about | {"summary": {"labels": scores}})
    assert "6 of 12 right, too few to say how good it is" in markdown and "| 6 of 6 | 6 of 12 |" in markdown
    assert "50.0 %" not in markdown and "model-index" not in markdown
    certificate = {"pictures": 12, "agreement": 0.75, "difference": 0.4, "bytes": 1, "reference_bytes": 4}
    certificate |= {"milliseconds": 1.0, "reference_milliseconds": 1.0, "accuracy": 0.5, "reference_accuracy": 0.75}
    found = Package(model.id, PackageKind.BYTE, model.folder, False, 1.0, None, certificate)
    assert "Gets 3 fewer of them right; " in packages.words(found)


ARABIC, HEBREW = "قطة", "חתול"


def letters(page: pypdfium2.PdfPage, word: str) -> list[tuple[float, float]]:
    """(left, right) of what is printed for each letter of a word, in the order they are read, where it first stands."""
    text = page.get_textpage()
    found = [text.get_text_range(at, 1) for at in range(text.count_chars())]
    start = next(at for at in range(len(found)) if sorted(found[at : at + len(word)]) == sorted(word))
    boxes = {found[at]: text.get_charbox(at) for at in range(start, start + len(word))}
    return [(boxes[letter][0], boxes[letter][2]) for letter in word]


def assert_turned(page: pypdfium2.PdfPage, word: str) -> None:
    lefts = [left for left, _ in letters(page, word)]
    assert lefts == sorted(lefts, reverse=True), f"{word} is read from right to left"


def assert_joined_and_turned(page: pypdfium2.PdfPage, word: str) -> None:
    assert_turned(page, word)
    places = letters(page, word)
    for (left, _), (_, right) in zip(places, places[1:], strict=False):
        assert right >= left - 0.1, f"the letters of {word} touch, so that a reader sees a word"


def test_a_report_on_paper_says_the_same_on_two_sheets_in_every_alphabet(studio: Studio, tmp_path: Path) -> None:
    names = {"Кошка": 3, "猫": 3, "한국어": 3, "🐱 <b>cat": 3, ARABIC: 3, HEBREW: 3}
    dataset = imported(studio, folder_of(tmp_path / "many", names), "Όλα 動物")
    images = studio.store.images.page(dataset.id, Where(order="oldest"), 0, 100)
    paths = [(studio.files.picture(image.sha256), studio.files.thumb(image.sha256)) for image in images]
    for _, thumb in paths:
        thumb.parent.mkdir(exist_ok=True)
    assert all(drawn for _, drawn in studio.decoder.draw(paths, 224))
    labels = [label.name for label in studio.store.datasets.labels(dataset.id)]
    held_out: dict[str, NDArray[Any]] = {
        "image_id": np.array([image.id for image in images], np.int64),
        "target": np.array([labels.index(image.label or "") for image in images], np.int64),
        "probabilities": np.tile(np.array([[0.5, 0.1, 0.1, 0.1, 0.1, 0.1]], np.float32), (len(images), 1)),
    }
    bundles.write_bundle(
        studio.files.model("m"), {"labels": labels, "recipe": {"head": "made up"}}, {}, head(0), held_out
    )
    measured: Any = (0.25, (0.1, 0.5), "cross-validation", len(images), "m", {})
    model = studio.store.models.put(dataset.id, ModelKind.INSTANT, "efficientnet-lite0", labels, *measured)

    content = made(studio, model, PackageKind.PDF)

    with pypdfium2.PdfDocument(content) as document:
        assert 1 <= len(document) <= 2
        pages = [document[at] for at in range(len(document))]
        told = "\n".join(page.get_textpage().get_text_bounded() for page in pages)
        pictures = [one for page in pages for one in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE])]
        assert len(pictures) == 6 + 12, "an example of each label, and a sheet of mistakes"
        assert_joined_and_turned(pages[0], ARABIC)
        assert_turned(pages[0], HEBREW)
    for said in ("Όλα 動物", "Кошка", "猫", "한국어", "4 of 18", "Got 4 right", "Label by label"):
        assert said in told
    assert "□ <b>cat" in told, "a letter that no font has is a box, and markup is words"
    assert "15 of 18 pictures were answered wrongly" in told and "Head made up" in told
    assert b"FiraGO" in content and b"NotoSansCJK" in content, "the fonts are inside"


def test_a_package_is_downloaded_and_never_opened_here(studio: Studio, model: Model) -> None:
    from starlette.applications import Starlette

    web = TestClient(Starlette(routes=routes(studio, {})), base_url="http://127.0.0.1")
    where = f"/api/models/{model.id}/packages"
    assert web.get(f"{where}/report").status_code == 404
    content = made(studio, model, PackageKind.REPORT)
    found = web.get(f"{where}/report")
    assert found.content == content
    assert re.match(r'attachment; filename="darkroom-.*-report\.html"', found.headers["content-disposition"])
    assert web.get(f"{where}/..").status_code == 404 and web.get(f"{where}/exe").status_code == 404


def doubting(studio: Studio, model: Model, sources: Sequence[Path]) -> tuple[Model, list[Verdict]]:
    """The model, knowing the first of the pictures alone; and what it says of each: familiar, or not."""
    ready = Ready(models.folder(studio, model) / "model.onnx")
    vectors = [ready.run(studio.decoder.pixels(source), heat=False)[0].vector for source in sources]
    known = caution.directions(np.stack([one for one in vectors if one is not None]))
    familiar = caution.familiarity(known[:1], known)
    always = caution.Point(100, 1.0, 1.0, (0.9, 1.0), 0.0)
    careful = caution.Caution(len(sources), float(familiar[:2].mean()), (always,))
    with (models.folder(studio, model) / bundles.KNOWN).open("wb") as file:
        np.savez(file, allow_pickle=False, **caution.as_arrays(known[:1]))
    scored: Any = (0.5, (0.3, 0.7), "cross-validation", 12, model.folder, {"caution": careful.as_dict()})
    model = studio.store.models.put(model.dataset_id, ModelKind.INSTANT, "efficientnet-lite0", LABELS, *scored)
    return model, [careful.verdict(1.0, 1.0, float(one)) for one in familiar]


def test_a_page_is_made_anew_once_its_model_shall_answer_less(studio: Studio, model: Model) -> None:
    [image] = studio.store.images.page(model.dataset_id, Where(), 0, 1)
    model, _ = doubting(studio, model, [studio.files.picture(image.sha256)] * 2)
    for kind in (PackageKind.PAGE, PackageKind.REPORT):
        packages.want(studio, model.id, kind)
    models.answer(studio, model.id, 0.8)
    assert set(packages.all_of(studio, model.id)) == {PackageKind.REPORT}, "the page would doubt as before"


@pytest.mark.browser
def test_the_page_answers_in_a_browser_without_a_network_as_the_model_does(
    studio: Studio, model: Model, tmp_path: Path
) -> None:
    if not (page.ROOT / page.ENGINE / page.WASM).is_file():
        pytest.skip("needs ONNX Runtime for browsers, which `make setup` fetches where there is npm")
    sources = [studio.files.picture(one.sha256) for one in studio.store.images.page(model.dataset_id, Where(), 0, 3)]
    model, wanted = doubting(studio, model, sources)
    content = made(studio, model, PackageKind.PAGE)
    assert content.count(b"</script>") == 6 and json.dumps(NASTY).encode() not in content
    (tmp_path / "model.html").write_bytes(content)
    with chromium() as browser:
        context = browser.new_context(offline=True)
        tab = context.new_page()
        asked: list[str] = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto((tmp_path / "model.html").as_uri())
        tab.get_by_text("Drop a picture here").wait_for()
        for source, verdict in zip(sources, wanted, strict=True):
            tab.evaluate("window.darkroom.last = null")
            tab.set_input_files("#file", source)
            while (said := tab.evaluate("window.darkroom.last")) is None:
                tab.wait_for_timeout(50)
            assert np.abs(np.array(said) - answers(head(0), studio.decoder.pixels(source))).max() < 1e-5
            assert tab.evaluate("window.darkroom.verdict") == verdict
            assert tab.locator("#doubt").is_visible() == (verdict is not Verdict.ANSWERED)
        assert tab.locator("#answers b b").count() == 0, "a label is words"
        assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
        context.close()
