"""The ports that everything is handed, and `Studio`, the frozen bundle of them.

A port is a Protocol of a few verbs. Nouns are plain functions that take the Studio first and reach the world
only through it, so that a test may hand them another world. The implementations: `core.storage` (facts and files),
`core.imaging` (decoding), `core.running` (processes and their clients), `core.index` (vectors); `core.embedded`
wires them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from core.layouts import Place
from core.records import (
    Action,
    Answer,
    ChangeKind,
    Dataset,
    Difference,
    Differing,
    Event,
    Finding,
    FindingKind,
    Found,
    Frame,
    Holding,
    Image,
    ItemState,
    Label,
    Metric,
    Model,
    ModelKind,
    Neighbour,
    PictureFacts,
    Prediction,
    Ranked,
    Run,
    RunState,
    Service,
    Split,
    Step,
    Survey,
    TrainingSpec,
    Upload,
    UploadItem,
    UploadState,
    Version,
    VersionImage,
    Wish,
)
from core.settings import Settings

Pixels = NDArray[np.uint8]  # (H, W, 3), RGB, upright, 0..255
Vectors = NDArray[np.float32]  # (N, 1280), as the backbone gives them, not normalised


# ---- pictures ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checked:
    """What the picture gate says of one file: either facts, or a reason."""

    source: Path
    sha256: str = ""
    bytes: int = 0
    format: str = ""
    width: int = 0  # px, upright
    height: int = 0  # px, upright
    reason: str = ""  # empty: accepted; else one sentence without a file name
    kind: str = ""  # stable word for the reason: empty, not_a_picture, format, cut_short, damaged, too_large, ...
    facts: PictureFacts | None = None  # of an accepted one that was dear to decode

    @property
    def drawn(self) -> bool:
        """`.thumb` and `.rgb` lie beside it."""
        return self.facts is not None

    @property
    def accepted(self) -> bool:
        return not self.reason


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What is made of a picture with its thumbnail."""

    pixels: Pixels  # (side, side, 3)
    facts: PictureFacts


class Decoder(Protocol):
    """Decodes pictures nobody vouches for, in limited child processes (1 s of CPU, bounded memory)."""

    def check(self, sources: Iterable[Path], copies: Mapping[Path, Path] | None = None) -> Iterator[Checked]:
        """Looks at each file once, in parallel, in any order; never raises for a bad file.

        `copies` says for some sources where a copy of an accepted file goes; `Checked.source` is then the copy's place.
        Beside an accepted `source` that was dear to decode it leaves `source.thumb` (WebP, longest side 384 px, no
        metadata) and `source.rgb` (224 x 224 x 3 bytes, the indexer's input); of the others `draw` makes both later.
        Nothing is left beside a refused one.
        """

    def draw(self, wanted: Sequence[tuple[Path, Path]], side: int) -> Iterator[tuple[int, Drawn | None]]:
        """For each (picture, file for its thumbnail): writes the thumbnail, gives its index and the rest.

        None where it cannot be decoded any more. Raises DiskFull.
        """

    def pixels(self, source: Path | bytes) -> Pixels:
        """The whole picture, upright, 8-bit RGB. Raises Refused with the gate's sentence."""

    def resized(self, sources: Sequence[Path], side: int) -> Iterator[tuple[int, Pixels | None]]:
        """(index, (side, side, 3)) for each source, in any order; None where it cannot be decoded any more."""

    def measured(self, sources: Sequence[Path]) -> Iterator[tuple[int, PictureFacts | None]]:
        """(index, facts) for each source, in any order; None where it cannot be decoded any more."""

    def view(self, source: Path | bytes, longest_side: int) -> bytes:
        """A WebP without metadata. Raises Refused."""

    def png(self, source: Path | bytes) -> bytes:
        """The whole picture, upright, 8-bit RGB, not a pixel less, without metadata. Raises Refused."""

    def close(self) -> None:
        """Ends the children."""


# ---- facts -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewImage:
    sha256: str
    name: str
    label: str | None
    split: Split
    width: int
    height: int
    format: str
    bytes: int
    origin: str = ""  # name of the dataset it came from


@dataclass(frozen=True, slots=True)
class Change:
    """What a person wants of one image. A field left at KEEP stays as it is."""

    image_id: int
    revision: int | None = None  # the revision the person saw; None: whatever it is now
    label: str | None | Literal["\0keep"] = "\0keep"  # None takes the label away; a new name makes a label
    split: Split | None = None
    deleted: bool | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    action: Action | None  # None when nothing was changed
    changed: tuple[int, ...]  # image ids
    conflicts: tuple[int, ...]  # image ids that somebody changed since the given revision; left as they are


# mixed: as good as drawn by lot, and the same every time; given: as `ids` has them
Order = Literal["newest", "oldest", "name", "label", "split", "mixed", "given"]


@dataclass(frozen=True, slots=True)
class Where:
    """A filter of images; every given part must hold."""

    label_id: int | None = None
    unlabelled: bool = False
    split: Split | None = None
    deleted: bool = False
    text: str = ""  # part of the name
    origin: str | None = None  # name of the dataset it came from; "": it was uploaded here
    ids: tuple[int, ...] | None = None
    order: Order = "newest"


@dataclass(frozen=True, slots=True)
class LabelledImage:
    image_id: int
    sha256: str
    label_id: int
    split: Split


@dataclass(frozen=True, slots=True, eq=False)
class Indexed:
    """The images of a dataset that have a vector and are not in the trash, column by column, by row."""

    ids: NDArray[np.int64]
    rows: NDArray[np.int64]  # of the vector file, ascending
    label_ids: NDArray[np.int64]  # -1: no label
    splits: NDArray[np.str_]
    sha256s: list[str]
    missing: int  # images that have no vector yet


@dataclass(frozen=True, slots=True)
class Touch:
    """An image that was changed, as it is now, and whose change was the last."""

    image: Image
    who: str
    at: float


class DatasetStore(Protocol):
    def create(self, name: str) -> Dataset:
        """Raises Conflict when the name is taken (letter case aside)."""

    def get(self, dataset_id: int) -> Dataset:
        """Raises NotFound."""

    def find(self, name: str) -> Dataset | None: ...
    def all(self) -> list[Dataset]: ...
    def rename(self, dataset_id: int, name: str) -> None: ...
    def remove(self, dataset_id: int) -> None:
        """Hides the dataset with its images, runs and models. Files stay until a sweep."""

    def labels(self, dataset_id: int) -> list[Label]:
        """In order of position."""

    def add_label(self, dataset_id: int, name: str) -> Label:
        """The label of that name, made when there is none."""

    def stale(self) -> list[tuple[int, int]]:
        """(id, labels revision) of the datasets whose labels changed since the last fit. Cheap: asked all the time."""

    def mark_fitted(self, dataset_id: int, revision: int) -> None:
        """The instant model has now seen `revision`; never moves back."""


class ImageStore(Protocol):
    def add(
        self, dataset_id: int, images: Sequence[NewImage], who: str, summary: str, token: str | None = None
    ) -> Outcome:
        """One transaction. Bytes the dataset has already are left out (in the trash: taken out of it).

        Calls with the same `token` make one action together, so that many images never need one long transaction.
        """

    def get(self, image_id: int) -> Image:
        """Raises NotFound."""

    def page(self, dataset_id: int, where: Where, offset: int, limit: int) -> list[Image]: ...
    def count(self, dataset_id: int, where: Where) -> int: ...
    def by_sha(self, dataset_id: int, sha256s: Sequence[str]) -> dict[str, Image]:
        """Without the deleted ones."""

    def known(self, sha256: str) -> bool:
        """Some image, upload item or prediction still names these bytes."""

    def labels_of(self, dataset_id: int, ids: Sequence[int]) -> dict[int, str | None]:
        """The labels of these images, without the deleted ones."""

    def held_by(self, image_id: int) -> list[int]:
        """Ids of the versions that hold an image, newest first."""

    def held(self, ids: Sequence[int]) -> set[int]:
        """Those that some version holds."""

    def marks(self, dataset_id: int) -> NDArray[np.int64]:
        """(N, 3) of the images that are not in the trash, by id: image id, label id (0: none), place of its split in
        `Split`."""

    def labelled(self, dataset_id: int) -> list[LabelledImage]:
        """Every labelled image that is not deleted, by image id."""

    def unlabelled(self, dataset_id: int) -> list[tuple[int, str, Split]]:
        """(image id, sha256, split) of every image without a label that is not deleted, by image id."""

    def change(
        self, dataset_id: int, kind: str, summary: str, changes: Sequence[Change], who: str, token: str | None = None
    ) -> Outcome:
        """One transaction and one action. The same `token` again changes nothing and gives the first outcome.

        An image that is as wished already is no conflict, whoever made it so.
        """

    def change_all(
        self,
        dataset_id: int,
        kind: str,
        say: Callable[[int], str],
        where: Where,
        to: Change,
        who: str,
        token: str | None = None,
    ) -> Outcome:
        """What `to` wants of every image that matches now, whoever it names: one transaction, one action. `say` makes
        the summary from how many were changed."""

    def restore(self, version_id: int, summary: str, who: str) -> Outcome:
        """Makes a version the present state of its dataset: one transaction and one action. Raises NotFound."""

    def undo(self, action_id: int, who: str, token: str | None = None) -> Outcome:
        """Takes an action back where nobody changed the image since. The same `token` again changes nothing.

        Raises NotFound, Conflict (already undone, or its images were removed for good).
        """

    def actions(self, dataset_id: int, limit: int = 20) -> list[Action]:
        """Newest first."""

    def untouched(self, actions: Sequence[Action]) -> set[int]:
        """Ids of those that can be taken back as a whole: nothing later changed one of their images."""

    def history(self, image_id: int) -> list[Step]:
        """What was done to an image, newest first."""

    def origins(self, dataset_id: int) -> dict[str, int]:
        """Where the images came from, and how many; by name."""

    def purge(self, before: float, limit: int) -> int:
        """Removes for good what is in the trash since before then, save what a version holds; gives how many.

        Their bytes are `leftovers` until their files are gone.
        """

    def leftovers(self, limit: int) -> list[str]:
        """sha256s of images that were removed for good and whose files may still be there."""

    def forget(self, sha256s: Sequence[str]) -> None:
        """Their files are gone, or somebody names them again."""


class DeskStore(Protocol):
    """What the labelling screen asks all the time."""

    def waiting(self, dataset_id: int) -> NDArray[np.int64]:
        """(N, 3): id, revision and row of the vector of every image that has a vector and no label; by id."""

    def last_action(self, dataset_id: int) -> int:
        """Id of the newest action; 0 when there is none. Cheap."""

    def touched(self, dataset_id: int, since: int, limit: int, ids: Sequence[int] | None = None) -> list[Touch]:
        """Images that actions newer than `since` changed, each once; of `ids` alone, where given (500 at most)."""

    def by_token(self, token: str) -> Action | None:
        """The action that was sent with this token."""


class VectorStore(Protocol):
    """Which bytes have a vector, and in which row of the vector file."""

    def todo(self, limit: int) -> list[str]:
        """sha256s without a vector, newest first; each call counts a try, the fourth try is never given."""

    def todo_count(self, dataset_id: int | None = None) -> int: ...
    def forgive(self) -> None:
        """Counts the tries anew: an indexer that starts does not hold the end of the last one against the pictures."""

    def rows(self, sha256s: Sequence[str]) -> dict[str, int]: ...
    def indexed(self, dataset_id: int) -> Indexed: ...
    def next_row(self) -> int: ...
    def put(self, rows: Mapping[str, int]) -> None:
        """The file holds these rows, durably. Takes them off the to-do list."""


class FactStore(Protocol):
    """What was measured of pictures, by their bytes."""

    def put(self, facts: Mapping[str, PictureFacts]) -> None:
        """Keeps what is known already."""

    def get(self, sha256s: Sequence[str]) -> dict[str, PictureFacts]: ...


class UploadStore(Protocol):
    def create(self, dataset_id: int | None, name: str, add_when_ready: bool = False) -> Upload: ...
    def get(self, upload_id: str) -> Upload:
        """With counts. Raises NotFound."""

    def open(self) -> list[Upload]:
        """Those that wait for the indexer or a person, oldest first."""

    def closed(self, before: float) -> list[Upload]:
        """Those added or cancelled that were begun before and still have items."""

    def waiting(self) -> list[str]:
        """Ids of those that have something to check now, oldest first. Cheap: asked all the time."""

    def receive(self, upload_id: str, items: Sequence[UploadItem]) -> None:
        """Upserts by path."""

    def missing(self, upload_id: str, files: Sequence[tuple[str, int]]) -> list[int]:
        """Which of these (path, bytes) did not arrive yet, by their place in the list."""

    def items(
        self, upload_id: str, state: ItemState | None = None, limit: int = 0, after: str | None = None
    ) -> list[UploadItem]:
        """In order of arrival, those behind the path `after`; limit 0: all."""

    def settle(self, upload_id: str, items: Sequence[UploadItem]) -> None:
        """Writes what the check found. Accepted bytes go on the vectors' to-do list."""

    def by_sha(self, upload_id: str, sha256s: Sequence[str]) -> dict[str, UploadItem]:
        """Accepted items with these bytes."""

    def folders(
        self, upload_id: str, states: Sequence[ItemState] = (ItemState.ACCEPTED, ItemState.DUPLICATE)
    ) -> dict[str, int]:
        """How many items in these states each folder holds; folders without any are left out."""

    def place(self, upload_id: str, folders: Mapping[str, tuple[str | None, Split]]) -> None:
        """Gives every item of a folder its label and split."""

    def place_each(self, upload_id: str, paths: Mapping[str, Place]) -> None:
        """Gives single items their label and split, and what else is known of them."""

    def labels(self, upload_id: str) -> list[tuple[str | None, Split, int]]:
        """How many accepted items there are of each label and split."""

    def of_label(self, upload_id: str, label: str | None, limit: int, after: str | None = None) -> list[UploadItem]:
        """Accepted items of a label in order of arrival, those behind the path `after`."""

    def torn(self, upload_id: str, limit: int) -> tuple[int, list[tuple[UploadItem, UploadItem]]]:
        """Pictures that stand under two labels or in two splits: how many, and the first (kept, other)."""

    def summary(self, upload_id: str) -> dict[ItemState, int]: ...
    def plan(self, upload_id: str, plan: Mapping[str, Any]) -> None:
        """Replaces the plan."""

    def went_on(self, upload_id: str, plan: Mapping[str, Any], added: int) -> None:
        """Some of its items are images now."""

    def forget(self, upload_id: str) -> None:
        """Removes the items; the upload itself stays known."""

    def move(
        self, upload_id: str, expected: Sequence[UploadState], to: UploadState, dataset_id: int | None = None
    ) -> bool:
        """Compare-and-swap of the state."""


class VersionStore(Protocol):
    """A state of a dataset is named by the id of a version, or None: as it is now."""

    def freeze(self, dataset_id: int, name: str, labels: Sequence[str], images: Sequence[VersionImage]) -> Version:
        """The same list again is the same version, which keeps its name."""

    def get(self, version_id: int) -> Version:
        """Raises NotFound."""

    def all(self, dataset_id: int) -> list[Version]:
        """Newest first."""

    def rename(self, version_id: int, name: str) -> None: ...
    def images(self, version_id: int) -> list[VersionImage]:
        """Those with a label, by image id."""

    def contents(self, dataset_id: int, state: int | None) -> list[Holding]:
        """Every image of a state, in no order; the split of a version's image is the one its runs use it for."""

    def compare(self, dataset_id: int, before: int | None, after: int | None) -> Difference: ...
    def differing(
        self, dataset_id: int, before: int | None, after: int | None, kind: ChangeKind, offset: int, limit: int
    ) -> list[Differing]:
        """Those that went the same way stand together."""


class MergeStore(Protocol):
    """Of the images that are not in the trash."""

    def counts(self, dataset_ids: Sequence[int]) -> tuple[int, int]:
        """How many images there are, and how many different ones."""

    def clashes(self, dataset_ids: Sequence[int]) -> list[str]:
        """sha256s that have different labels in these datasets, in order."""

    def copies(self, dataset_ids: Sequence[int], sha256s: Sequence[str]) -> list[Image]:
        """The labelled images of these bytes, by sha256, then in the order of the datasets."""

    def merge(
        self,
        name: str,
        dataset_ids: Sequence[int],
        labels_of: Sequence[int],
        chosen: Mapping[str, int],
        summary: str,
        who: str,
    ) -> Dataset:
        """One transaction and one action. Raises Conflict when the name is taken.

        Where copies differ the label of the first dataset in `labels_of` counts, or the image in `chosen` (by sha256).
        """


class RunStore(Protocol):
    def submit(
        self,
        dataset_id: int,
        version_id: int,
        name: str,
        spec: TrainingSpec,
        owner: str = "",
        priority: int = 0,
        parent_id: int | None = None,
    ) -> Run:
        """One that begins where its parent stood takes over its curve."""

    def get(self, run_id: int) -> Run:
        """Raises NotFound."""

    def all(self, dataset_id: int | None = None, states: Sequence[RunState] = ()) -> list[Run]:
        """Newest first."""

    def request(self, run_id: int, wish: Wish | Literal["resume"]) -> bool:
        """Moves a waiting run at once, asks a working one. False when the run is over."""

    def prefer(self, run_id: int, priority: int) -> None: ...
    def used(self, since: float) -> dict[str, float]:
        """Owner -> seconds on a device since then."""

    def cas(self, run_id: int, expected: Sequence[RunState], *, fence: int | None = None, **values: Any) -> bool:
        """Moves a run only if it still is where, and at the attempt at which, the caller believes it to be."""

    def begin_attempt(self, run_id: int) -> int | None:
        """queued -> starting with attempt + 1, which it gives; None when somebody else was faster."""

    def beat(
        self,
        run_id: int,
        attempt: int,
        handle: str,
        step: int,
        total_steps: int,
        epoch: int,
        metrics: Sequence[Metric] = (),
        events: Sequence[tuple[str, dict[str, Any], float]] = (),
        frames: Sequence[Frame] = (),
    ) -> Wish | None:
        """One fenced transaction of a trainer: heartbeat, progress, events (kind, data, at), upserts of the others.

        Raises PermissionError when the attempt was replaced or the run is over.
        """

    def end_attempt(self, run_id: int, attempt: int, exit_code: int | None, reason: str) -> None: ...
    def drop_metrics_after(self, run_id: int, attempt: int, step: int) -> None:
        """On resume: metrics and frames beyond the checkpoint belong to work that will be done again. Fenced."""

    def metrics(self, run_id: int, after_step: int = -1) -> list[Metric]:
        """By step, `step > after_step`."""

    def latest(self, run_id: int, key: str) -> float | None:
        """The newest value of a metric; None where there is none, or it is no number."""

    def frames(self, run_id: int, after_epoch: int = -1) -> list[Frame]:
        """By epoch, `epoch > after_epoch`."""

    def events(self, run_id: int, after_id: int = 0) -> list[Event]: ...
    def log_event(self, run_id: int, attempt: int, kind: str, data: dict[str, Any]) -> None: ...


class ModelStore(Protocol):
    def put(
        self,
        dataset_id: int,
        kind: ModelKind,
        architecture: str,
        labels: Sequence[str],
        accuracy: float,
        interval: tuple[float, float],
        measured_on: str,
        measured_n: int,
        folder: str,
        summary: Mapping[str, Any],
        run_id: int | None = None,
        version_id: int | None = None,
    ) -> Model:
        """A dataset has one instant model, whose row is replaced; a run has one model, likewise."""

    def get(self, model_id: int) -> Model:
        """Raises NotFound."""

    def all(self, dataset_id: int | None = None) -> list[Model]:
        """Newest first."""


class PredictionStore(Protocol):
    def add(
        self, dataset_id: int, model_id: int, sha256: str, name: str, ranked: Sequence[Ranked], milliseconds: float
    ) -> Prediction: ...
    def get(self, prediction_id: int) -> Prediction:
        """Raises NotFound."""

    def all(self, dataset_id: int, limit: int = 1000) -> list[Prediction]:
        """Newest first."""

    def correct(self, prediction_id: int, label: str, image_id: int) -> None: ...


class SurveyStore(Protocol):
    """What the surveyor is asked for, and what it found. A survey belongs to a dataset and a kind."""

    def want(self, dataset_id: int, kind: str, anew: bool = False) -> Survey:
        """Asks for a survey of the labels as they are now; `anew` even where there is one of just these labels."""

    def get(self, dataset_id: int, kind: str) -> Survey | None: ...
    def due(self) -> list[Survey]:
        """Those to work out, longest wanted first; one that was begun three times and never ended is left alone.
        Cheap: asked all the time."""

    def begin(self, dataset_id: int, kind: str) -> None:
        """Counts a try, before the work."""

    def tell(self, dataset_id: int, kind: str, progress: float) -> None: ...
    def put(self, dataset_id: int, kind: str, revision: int, seconds: float, content: Mapping[str, Any]) -> None:
        """Replaces the survey of before."""

    def fail(self, dataset_id: int, kind: str, revision: int, problem: str) -> None:
        """There is none for these labels, and why. The one of before stays."""


class FindingStore(Protocol):
    """What was found wrong with a dataset. Open: not ignored, and every picture is as it was when it was found."""

    def replace(self, dataset_id: int, found: Sequence[Found], states: Mapping[int, tuple[int | None, Split]]) -> None:
        """The findings of now instead of those of before, in one transaction; what was ignored stays so.

        Args:
            states: image id -> (label id, split) that the findings were made of.
        """

    def page(
        self, dataset_id: int, kinds: Sequence[FindingKind], offset: int, limit: int, ignored: bool = False
    ) -> list[Finding]:
        """Open ones of these kinds (or the ignored ones), in the order of `kinds`, then largest score first."""

    def counts(self, dataset_id: int, ignored: bool = False) -> dict[FindingKind, int]:
        """How many are open (or ignored), by kind; kinds without any are left out."""

    def by_key(self, dataset_id: int, keys: Sequence[str]) -> list[Finding]:
        """Open, ignored or settled."""

    def ignore(self, dataset_id: int, keys: Sequence[str], who: str, ignored: bool) -> None:
        """For ever, whatever is found again; or no more. Keys nobody knows are passed over."""

    def groups(self, dataset_id: int, kinds: Sequence[FindingKind]) -> list[tuple[int, ...]]:
        """The image ids of each finding of these kinds, open or not."""


class ServiceStore(Protocol):
    def alive(self, name: str, detail: Mapping[str, Any] | None = None) -> None:
        """The heartbeat of a service; as a write it also proves that the database takes writes."""

    def pulse(self) -> int:
        """Another number when anybody wrote to the store since. Cheap: asked many times a second."""

    def all(self) -> dict[str, Service]: ...


@dataclass(frozen=True, slots=True)
class Store:
    """The facts, by noun. `core.storage.open_store(url)` makes one."""

    datasets: DatasetStore
    merging: MergeStore
    images: ImageStore
    desk: DeskStore
    vectors: VectorStore
    facts: FactStore
    uploads: UploadStore
    versions: VersionStore
    runs: RunStore
    models: ModelStore
    predictions: PredictionStore
    surveys: SurveyStore
    findings: FindingStore
    services: ServiceStore


# ---- files -------------------------------------------------------------------------------------------


class Files(Protocol):
    """The only one who knows a file name below the data folder."""

    root: Path

    def picture(self, sha256: str) -> Path:
        """The uploaded bytes, as they came. Never served as they are: they may hold metadata."""

    def thumb(self, sha256: str) -> Path: ...
    def view(self, sha256: str) -> Path:
        """Longest side 1600 px, WebP, made when first asked for."""

    def spool(self, sha256: str) -> Path:
        """224 x 224 x 3 bytes that wait for their vector; may be missing."""

    def upload(self, upload_id: str) -> Path: ...
    def model(self, folder: str) -> Path: ...
    def run(self, run_id: int) -> Path: ...
    def log(self, name: str) -> Path: ...
    def cache(self, name: str) -> Path: ...
    def vectors(self) -> Path: ...
    def lock(self, name: str) -> Path: ...
    def survey(self, name: str) -> Path:
        """Arrays that a survey's content names."""

    def keep_pictures(self, checked: Sequence[Checked]) -> None:
        """Links accepted files with `.thumb` and `.rgb` to their places, durably; the caller removes the sources."""

    def sync(self, paths: Iterable[str]) -> None:
        """Makes new files durable, and their names with them."""

    def spooled_bytes(self) -> int:
        """What decoded pictures that wait for their vector take on the disk."""

    def write(self, path: Path, content: bytes) -> None:
        """Beside, fsync, rename, fsync of the folder."""

    def require_room(self, more_bytes: int = 0) -> None:
        """Raises DiskFull when free space after `more_bytes` would be below the reserve."""

    def free_bytes(self) -> int: ...


class VectorFile(Protocol):
    """The vectors themselves: one append-only file of float32 rows. The indexer is its only writer."""

    def append(self, first_row: int, vectors: Vectors) -> None:
        """Durable when it returns."""

    def read(self, rows: Sequence[int]) -> Vectors: ...


# ---- processes ---------------------------------------------------------------------------------------


class Engine(Protocol):
    """Where attempts run. The local engine: one process group an attempt."""

    def submit(self, run: Run, attempt: int) -> str:
        """Starts the trainer; gives its handle. Idempotent in (run.id, attempt)."""

    def alive(self, handle: str) -> bool: ...
    def stop(self, handle: str, force: bool) -> None:
        """SIGTERM to the leader; with `force` SIGKILL to the whole group."""

    def clear(self, handle: str) -> bool:
        """Kills what is left of the group; True once it is empty."""

    def exit_code(self, handle: str) -> int | None:
        """Of a trainer that ended; below 0: the signal that ended it; None: not known."""

    def log_tail(self, run_id: int, attempt: int) -> str:
        """The last lines that an attempt said; empty when there are none."""


class Predictor(Protocol):
    """Answers with the model.onnx that a person would download."""

    def predict(self, model: Model, picture: bytes | Path, neighbours: int = 3, heat: bool = True) -> Answer:
        """Raises Refused (the picture), NotFound (the model's files), Unavailable (no predictor process)."""

    def similar(self, dataset_id: int, example: int | bytes | Path, count: int) -> tuple[Neighbour, ...]:
        """Of all images of a dataset that are not in the trash those most like an image of it, or like a picture.

        Raises Refused (the picture), NotFound (the dataset, the image), Unavailable (no vector yet, no predictor).
        """


class Services(Protocol):
    def wake(self) -> None:
        """Sees to it that a scheduler runs, which starts and revives the others. Cheap when one does."""

    def expect_training(self) -> None:
        """Somebody is about to start a run: a trainer may get ready for it. Cheap."""


@dataclass(frozen=True, slots=True)
class Studio:
    """Everything Darkroom is, handed to every noun."""

    settings: Settings
    store: Store
    files: Files
    decoder: Decoder
    vectors: VectorFile
    predictor: Predictor
    services: Services
    who: str = field(default="you")  # whose actions these are; log-ins come later
