"""A model goes to another Darkroom and answers there as it did; nothing but JSON and numbers is ever opened."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load, save

from core import bundles, caution, comparing, incoming, measuring, models, packages
from core.errors import Conflict, Refused
from core.graphs import with_backbone, with_head
from core.imaging.pool import DecoderPool
from core.index import measuring as measuring_here
from core.index.sessions import Ready
from core.packing import unwrapping
from core.packing.bringer import Bringer
from core.packing.unwrapping import WIDTH, unwrap
from core.ports import Aside
from core.recipe import derive
from core.records import Incoming, IncomingState, Model, ModelKind, TrainingSpec
from core.running.aside import LocalAside
from core.studio import Studio
from core.surveyor import ABOUT, Surveyor
from tests import test_graphs
from tests.worlds import folder_of, imported, make_studio

NASTY = "</script><b>dog</b>"
LABELS = ["cat", NASTY]
Parts = dict[str, bytes]


@pytest.fixture(scope="module")
def backbone() -> bytes:
    """A small network with vectors as wide as the packaged one's: what is tested is the way, not the network."""
    return test_graphs.backbone(WIDTH)


def darkroom(folder: Path, backbone: bytes, decoder: DecoderPool) -> Studio:
    path = folder / "backbone.onnx"
    path.write_bytes(backbone)
    return make_studio(folder / "there", decoder, environment={"backbone": str(path)})


@pytest.fixture
def there(backbone: bytes, tmp_path: Path, decoder: DecoderPool) -> Studio:
    """A Darkroom to import into."""
    return darkroom(tmp_path, backbone, decoder)


@pytest.fixture(scope="module")
def door(backbone: bytes, tmp_path_factory: pytest.TempPathFactory, decoder: DecoderPool) -> Studio:
    """One for all that is refused: none of it may leave anything behind, for the others neither."""
    return darkroom(tmp_path_factory.mktemp("door"), backbone, decoder)


def caution_told() -> dict[str, Any]:
    found = caution.measure(
        np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], np.float32), np.array([0, 1, 0]), np.ones(3, np.float32)
    )
    return found.as_dict()


def about(**changes: Any) -> dict[str, Any]:
    told = {
        "format": bundles.FORMAT,
        "dataset": "pets",
        "kind": "instant",
        "architecture": "efficientnet-lite0",
        "labels": LABELS,
        "accuracy": 0.9,
        "interval": [0.8, 0.95],
        "measured_on": "cross-validation",
        "measured_n": 40,
        "recipe": {"head": "ridge regression", "strength": 1.0, "temperature": 10.0},
        "summary": {"pictures": 40, "notes": ["<b>"], "labels": []},
        "caution": caution_told(),
    }
    return told | changes


def head(seed: int = 0) -> dict[str, NDArray[Any]]:
    weight = np.random.default_rng(seed).normal(0, 1, (2, WIDTH)).astype(np.float32)
    return {"head.weight": weight, "head.bias": np.array([0.1, -0.1], np.float32)}


def parts(**changes: Any) -> Parts:
    vectors = caution.directions(np.random.default_rng(1).normal(size=(4, WIDTH)).astype(np.float32))
    return {
        "model.json": json.dumps(about(**changes)).encode(),
        "weights.safetensors": save(head()),
        "known.safetensors": save({"vectors": vectors.astype(np.float16)}),
        "model.onnx": b"never opened",
    }


def zipped(found: Parts | list[tuple[str, bytes]], packing: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", packing) as archive:
        for name, part in found.items() if isinstance(found, dict) else found:
            archive.writestr(name, part)
    return content.getvalue()


def aside(studio: Studio) -> LocalAside:
    return LocalAside(studio.settings)


def here(arguments: Sequence[str]) -> None:
    """Work aside, done in this process, which has torch already: that it can be left to another one is shown once."""
    from core.learning import forms

    module, form, folder, work = arguments
    assert module == forms.__name__
    forms.make(form, Path(folder), Path(work))


def sent(studio: Studio, content: bytes, work: Aside = here, **where: Any) -> Incoming:
    """Sends a bundle and has it read; gives what became of it."""
    made = incoming.begin(studio, "pets <i>.zip", **where)
    incoming.receive(studio, made, [content[:10], content[10:]])
    assert Bringer(studio, work).tick()
    assert not incoming.place(studio, made).parent.exists(), "its bytes are not kept"
    return incoming.get(studio, made.id)


def brought(studio: Studio, content: bytes, **where: Any) -> Model:
    found = sent(studio, content, **where)
    assert found.model_id is not None, found.problem
    return models.get(studio, found.model_id)


def refused(studio: Studio, content: bytes) -> str:
    """Why it was not imported; and nothing of it is left."""
    found = sent(studio, content)
    assert found.state is IncomingState.REFUSED and found.model_id is None
    assert not studio.store.models.all() and not studio.store.datasets.all()
    assert not list(studio.files.model("x").parent.iterdir())
    assert found.problem is not None and found.problem.endswith((".", "?"))
    return found.problem


def said(studio: Studio, model: Model, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    return Ready(models.folder(studio, model) / "model.onnx").run(picture, heat=True)[0].probabilities


def pictures() -> Iterator[NDArray[np.uint8]]:
    random = np.random.default_rng(3)
    yield from (random.integers(0, 256, shape, np.uint8) for shape in ((40, 30, 3), (64, 64, 3), (7, 90, 3)))


# ---- it answers as it did --------------------------------------------------------------------------------


def test_an_instant_model_answers_in_another_darkroom_as_it_did(there: Studio, backbone: bytes) -> None:
    model = brought(there, zipped(parts()))

    weights = head()
    here = with_head(backbone, weights["head.weight"], weights["head.bias"], LABELS)
    assert (models.folder(there, model) / "model.onnx").read_bytes() == here, "the very same graph, made anew"
    assert model.kind is ModelKind.IMPORTED and model.dataset == "pets" and model.labels == tuple(LABELS)
    assert incoming.origin(model) == {"dataset": "pets", "kind": "instant", "file": "pets <i>.zip"}
    assert "elsewhere, as its bundle says" in models.sentence(model)
    known = Ready(models.folder(there, model) / "model.onnx")
    assert known.labels == tuple(LABELS) and known.caution is not None
    assert known.familiarity(known.run(next(pictures()), heat=False)[0]) is not None
    names = [label.name for label in there.store.datasets.labels(model.dataset_id)]
    assert names == LABELS, "its answers can be put right, and become data"


def test_a_trained_model_goes_there_and_back_and_never_answers_differently(
    studio: Studio, there: Studio, tmp_path: Path, backbone: bytes
) -> None:
    first = trained(studio, imported(studio, folder_of(tmp_path / "pets", {"cat": 6, "dog": 6}), "pets").id, backbone)
    bundle = b"".join(models.bundle_zip(studio, first.id))

    second = brought(there, bundle, work=aside(there))
    back = brought(studio, b"".join(models.bundle_zip(there, second.id)), dataset_name="again")

    for picture in pictures():
        wanted = said(studio, first, picture)
        assert np.array_equal(said(there, second, picture), wanted)
        assert np.array_equal(said(studio, back, picture), wanted)
        assert familiar(there, second, picture) == familiar(studio, first, picture) != 0
    assert second.accuracy == first.accuracy and second.architecture == "digit-cnn"
    assert models.manifest(there, second)["recipe"] == models.manifest(studio, first)["recipe"]


def familiar(studio: Studio, model: Model, picture: NDArray[np.uint8]) -> float | None:
    ready = Ready(models.folder(studio, model) / "model.onnx")
    return ready.familiarity(ready.run(picture, heat=False)[0])


def trained(studio: Studio, dataset_id: int, backbone: bytes) -> Model:
    """Of a network that began with nothing: what is strange to it, the packaged network's vector tells."""
    from core.learning.export import export
    from core.learning.networks import build

    recipe = derive(TrainingSpec("digit-cnn", 1, {"threads": 1}), 12, 2, 1)
    network = build("digit-cnn", 2, recipe).eval()
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    told = about(kind="trained", architecture="digit-cnn", recipe=recipe.as_dict(), measured_on="test")
    told["caution"] |= {"by": caution.BACKBONES}
    known = caution.directions(np.random.default_rng(2).normal(size=(9, WIDTH)).astype(np.float32))
    graph = with_backbone(export(network, recipe, LABELS), backbone)
    bundles.write_bundle(studio.files.model("run-1-1"), told, weights, graph, known=caution.as_arrays(known))
    scored: Any = (0.9, (0.8, 0.95), "test", 40, "run-1-1", {})
    return studio.store.models.put(dataset_id, ModelKind.TRAINED, "digit-cnn", LABELS, *scored)


def test_an_imported_model_is_measured_on_the_pictures_here_and_then_judged_like_any(
    there: Studio, tmp_path: Path
) -> None:
    dataset = imported(there, folder_of(tmp_path / "own", {"cat": 5, "dog": 3}), "own")
    model = brought(
        there, zipped(parts(labels=["cat", "dog"], accuracy=1.0, interval=[0.9, 1.0])), dataset_id=dataset.id
    )
    assert model.dataset == "own" and measuring.pictures(there, model) == 8
    assert models.best(there, dataset.id) == model, "it is the only one"
    there.store.datasets.mark_fitted(dataset.id, there.store.datasets.get(dataset.id).labels_revision)

    surveyor = Surveyor(there, {})
    assert surveyor.tick() and measuring.state(there, model) is not None
    found = models.get(there, model.id)

    with np.load(models.folder(there, found) / "held_out.npz", allow_pickle=False) as held:
        right = int((held["probabilities"].argmax(1) == held["target"]).sum())
        for row in range(len(held["target"])):
            image = there.store.images.get(int(held["image_id"][row]))
            pixels = there.decoder.pixels(there.files.picture(image.sha256))
            assert np.allclose(held["probabilities"][row], said(there, found, pixels))
            assert image.label == found.labels[int(held["target"][row])]
    assert (found.accuracy, found.measured_n, found.measured_on) == (right / 8, 8, models.HERE)
    assert "of this dataset; whether it learned from them" in models.sentence(found)
    assert incoming.origin(found)["dataset"] == "pets"
    assert packages.want(there, found.id, next(iter(packages.FORMS))).pending


def test_an_imported_model_answers_before_one_that_was_made_here_only_where_a_person_chose_it(there: Studio) -> None:
    boasting = brought(there, zipped(parts(accuracy=1.0, interval=[0.99, 1.0])))
    measured: Any = (0.6, (0.5, 0.7), "cross-validation", 40, "instant-x", {})
    own = there.store.models.put(boasting.dataset_id, ModelKind.INSTANT, "efficientnet-lite0", LABELS, *measured)
    best = models.best(there, boasting.dataset_id)
    assert best is not None and best.id == own.id
    there.store.models.measured(boasting.id, 1.0, (0.9, 1.0), models.HERE, 40, {})  # of pictures it may have learned
    assert (best := models.in_use(there, boasting.dataset_id)) is not None and best.id == own.id
    comparing.use(there, boasting.id)
    assert (used := models.in_use(there, boasting.dataset_id)) is not None and used.id == boasting.id
    other = brought(there, zipped(parts()), dataset_id=boasting.dataset_id)
    assert other.id not in (own.id, boasting.id), "each imported model is another"


def test_a_second_bundle_of_the_same_name_gets_a_dataset_of_its_own(there: Studio) -> None:
    assert brought(there, zipped(parts())).dataset == "pets"
    assert brought(there, zipped(parts())).dataset == "pets 2"
    assert brought(there, zipped(parts()), dataset_name="mine").dataset == "mine"
    with pytest.raises(Conflict, match="already"):
        incoming.begin(there, "x.zip", dataset_name="mine")


def test_a_bundle_that_ends_its_process_three_times_is_left_alone(there: Studio) -> None:
    made = incoming.receive(there, incoming.begin(there, "x.zip"), [zipped(parts())])
    for _ in range(3):
        there.store.incoming.begin(made.id)
    assert not Bringer(there, aside(there)).tick()
    assert "three times" in incoming.sentence(incoming.get(there, made.id))


def test_a_bundle_that_is_cut_short_or_too_large_is_forgotten(there: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks() -> Iterator[bytes]:
        yield b"PK"
        raise ConnectionError

    made = incoming.begin(there, "x.zip")
    with pytest.raises(ConnectionError):
        incoming.receive(there, made, breaks())
    assert incoming.get(there, made.id).state is IncomingState.REFUSED
    assert not incoming.place(there, made).parent.exists()
    monkeypatch.setattr(incoming, "MOST_BYTES", 5)
    with pytest.raises(Refused, match="GB at most"):
        incoming.receive(there, incoming.begin(there, "x.zip"), [b"123", b"456"])


# ---- and nothing else comes in ---------------------------------------------------------------------------


class Runs:
    """Opened as a pickle, it would leave a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self._path,)


@pytest.mark.parametrize("name", ["weights.safetensors", "known.safetensors", "model.json", "x.pkl"])
def test_a_pickle_is_never_opened(door: Studio, tmp_path: Path, name: str) -> None:
    opened = tmp_path / "opened"
    assert refused(door, zipped(parts() | {name: pickle.dumps(Runs(opened))}))
    assert not opened.exists()


def test_the_graph_of_a_bundle_is_passed_over_whatever_it_is(there: Studio, tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    assert brought(there, zipped(parts() | {"model.onnx": pickle.dumps(Runs(opened))}))
    assert not opened.exists()


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "another format": ({"format": 2}, "reads format 1"),
    "an unknown kind": ({"kind": "ensemble"}, "nobody knows"),
    "an unknown architecture": ({"architecture": "os.system"}, "no architecture called"),
    "an instant model of another": ({"architecture": "mlp"}, "An instant model is of"),
    "one label": ({"labels": ["cat"]}, "2 to 5,000 labels"),
    "too many labels": ({"labels": [str(n) for n in range(6000)]}, "2 to 5,000 labels"),
    "labels that are no text": ({"labels": ["cat", {"a": 1}]}, "can be seen and kept"),
    "a label nobody can see": ({"labels": ["cat", "\u200b"]}, "can be seen and kept"),
    "a label with a control": ({"labels": ["cat", "d\x1b[31mog"]}, "can be seen and kept"),
    "a label that turns the line": ({"labels": ["cat", "\u202edog"]}, "can be seen and kept"),
    "the same label twice": ({"labels": ["cat", "cat"]}, "the same name"),
    "an endless name": ({"dataset": "x" * 10_000}, "can be seen and kept"),
    "an accuracy above one": ({"accuracy": 1.5}, "no share"),
    "an accuracy that is text": ({"accuracy": "1"}, "no share"),
    "an interval elsewhere": ({"interval": [0.95, 0.99]}, "outside of its own interval"),
    "a huge number": ({"measured_n": 10**30}, "no number of pictures"),
    "true for a number": ({"measured_n": True}, "no number of pictures"),
    "measured on nothing": ({"measured_on": "the moon"}, "on what it was measured"),
    "a caution of text": ({"caution": {"pictures": 1, "familiar": "x", "points": [[1] * 6]}}, "caution"),
    "a caution by an output that is none": ({"caution": {**caution_told(), "by": "../x"}}, "caution"),
    "a caution by a second network of an instant model": (
        {"caution": {**caution_told(), "by": caution.BACKBONES}},
        "caution",
    ),
    "a caution without end": ({"caution": {"pictures": 1, "familiar": 0, "points": [[1] * 6] * 500}}, "caution"),
    "no recipe": ({"recipe": None}, "no recipe"),
    "a recipe of another program": (
        {"kind": "trained", "architecture": "mlp", "recipe": {"side": 32}},
        "another program version",
    ),
    "three labels, weights of two": ({"labels": ["a", "b", "c"]}, "do not fit the architecture"),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_model_json_that_says_what_cannot_be_is_refused_with_the_reason(door: Studio, name: str) -> None:
    changes, word = HOSTILE[name]
    assert word in refused(door, zipped(parts(**changes)))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"{", "no JSON"),
        (b"[]", "does not describe"),
        (b"[" * 200_000, "no JSON"),
        (b'{"a":' * 100_000, "no JSON"),
        (b'{"format": NaN}', "no JSON"),
        (b'{"format": ' + b"9" * 100_000 + b"}", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b" " * (17 << 20) + b"{}", "larger than"),
    ],
)
def test_a_json_bomb_does_not_go_off(door: Studio, content: bytes, word: str) -> None:
    assert word in refused(door, zipped(parts() | {"model.json": content}))


def weights_with(told: Any, numbers: bytes = b"", length: int | None = None) -> bytes:
    text = told if isinstance(told, bytes) else json.dumps(told).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + numbers


def entry(shape: list[int], first: int, last: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "head is longer"),
        (weights_with({}, length=1 << 62), "head is longer"),
        (weights_with({}, length=(1 << 64) - 1), "head is longer"),
        (weights_with(b"{" * 100_000), "no JSON"),
        (weights_with([1]), "names no tensors"),
        (weights_with({"a": 1}), "numbers of a kind"),
        (weights_with({"a": entry([2], 0, 8, "F8_E4M3")}), "numbers of a kind"),
        (weights_with({"a": entry([-2], 0, 8)}, bytes(8)), "no shape"),
        (weights_with({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, bytes(12)), "overlap"),
        (weights_with({"a": entry([2], 8, 16)}, bytes(16)), "gaps"),
        (weights_with({"a": entry([1 << 31, 1 << 31, 4], 0, 8)}, bytes(8)), "do not fit each other"),
        (weights_with({"a": entry([2], 0, 8)}, bytes(9)), "longer or shorter"),
        (weights_with({f"{n}": entry([0], 0, 0) for n in range(50_001)}), "more than a network has"),
        (save({"head.weight": np.zeros((2, 7), np.float32), "head.bias": np.zeros(2, np.float32)}), "2 x 7"),
        (save({**head(), "extra": np.zeros(1, np.float32)}), "extra"),
        (save({**head(), "head.bias": np.array([np.nan, 0], np.float32)}), "NaN"),
        (save({**head(), "head.bias": np.array([np.inf, 0], np.float32)}), "NaN"),
        (save({"head.weight": np.full((2, WIDTH), 3e38, np.float32), "head.bias": np.zeros(2, np.float32)}), "none"),
    ],
)
def test_weights_that_are_not_what_they_say_are_refused_before_a_library_opens_them(
    door: Studio, content: bytes, word: str
) -> None:
    assert word in refused(door, zipped(parts() | {"weights.safetensors": content}))


@pytest.mark.parametrize(
    ("found", "word"),
    [
        ([*parts().items(), ("../evil.json", b"{}")], "no bundle of Darkroom's does"),
        ([*parts().items(), ("/etc/passwd", b"x")], "no bundle of Darkroom's does"),
        ([*parts().items(), ("folder/model.json", b"{}")], "no bundle of Darkroom's does"),
        ([*parts().items(), ("setup.py", b"")], "no bundle of Darkroom's does"),
        ([("weights.safetensors", save(head()))], "holds no model.json"),
        ([("model.json", b"{}")], "holds no weights.safetensors"),
        ([*parts().items(), ("README.md", b""), ("README.md", b"")], "twice"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_that_is_no_bundle_is_refused(door: Studio, found: list[tuple[str, bytes]], word: str) -> None:
    assert word in refused(door, zipped(found))


def test_a_zip_bomb_a_damaged_zip_and_no_zip_are_refused(door: Studio) -> None:
    bomb = parts() | {"weights.safetensors": bytes(300 << 20)}
    assert "unpacks to far more" in refused(door, zipped(bomb, zipfile.ZIP_DEFLATED))
    whole = zipped(parts())
    assert "damaged or not complete" in refused(door, whole[: len(whole) // 2])
    assert "not a zip" in refused(door, b"GIF89a" + bytes(100))
    flipped = bytearray(whole)
    flipped[whole.index(b"head.weight") + 4000] ^= 1
    assert "damaged inside" in refused(door, bytes(flipped))


def test_a_recipe_cannot_make_a_network_that_its_weights_do_not_fill(door: Studio) -> None:
    recipe = derive(TrainingSpec("mlp", 1, {"threads": 1}), 12, 2, 1).as_dict()
    small = {"last.weight": np.zeros((2, 256), np.float32), "last.bias": np.zeros(2, np.float32)}
    huge = about(kind="trained", architecture="plain-cnn", recipe=recipe | {"architecture": "plain-cnn", "side": 1024})
    content = {"model.json": json.dumps(huge).encode(), "weights.safetensors": save(small)}
    assert "do not fit the architecture" in refused(door, zipped(content)), "17 GB of network were not built"
    wide = about(kind="trained", architecture="mlp", recipe=recipe | {"side": 10**9})
    assert "must be" in refused(door, zipped({**content, "model.json": json.dumps(wide).encode()}))
    large = about(kind="trained", architecture="vit_huge_patch14_224", recipe=recipe)
    large["recipe"] |= {"architecture": "vit_huge_patch14_224"}
    assert "numbers, where" in refused(door, zipped({**content, "model.json": json.dumps(large).encode()}))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_sent_is_taken_or_refused_in_words(tmp_path: Path, data: st.DataObject) -> None:
    """Bundles with some bytes of their JSON or weights changed, or values in the JSON replaced by any other."""
    found = parts()
    name = data.draw(st.sampled_from(["model.json", "weights.safetensors", "known.safetensors"]))
    if name == "model.json" and data.draw(st.booleans()):
        told = json.loads(found[name])
        anything = st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
        )
        told[data.draw(st.sampled_from(sorted(told)))] = data.draw(anything)
        found[name] = json.dumps(told).encode()
    else:
        content = bytearray(found[name])
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, min(len(content) - 1, 300)))] = data.draw(st.integers(0, 255))
        found[name] = bytes(content)
    bundle, folder = tmp_path / "bundle.zip", tmp_path / "folder"
    bundle.write_bytes(zipped(found))
    folder.mkdir(exist_ok=True)
    try:
        taken = unwrap(bundle, folder)
    except Refused as error:
        assert str(error).endswith(".")
    else:
        assert set(taken.manifest) <= set(about()), "nothing comes along that was not asked for"
        assert load(taken.weights.read_bytes())["head.weight"].shape == (2, WIDTH)
        json.dumps(taken.manifest, allow_nan=False)
    finally:
        unwrapping.clear(folder)


def test_the_survey_about_an_imported_model_is_known_to_the_surveyor() -> None:
    assert ABOUT[measuring.KIND] is measuring_here.compute
