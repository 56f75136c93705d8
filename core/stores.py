"""The facts' port: what `core.storage` keeps, noun by noun, as Protocols of a few verbs, and what they take and give.

`core.storage.open_store(url)` makes a `Store`. Nouns reach it through the Studio.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from core.layouts import Place
from core.records import (
    Action,
    Batch,
    BatchItem,
    ChangeKind,
    Choice,
    Dataset,
    Difference,
    Differing,
    Errand,
    Event,
    Explanation,
    Finding,
    FindingKind,
    Found,
    Frame,
    Holding,
    Image,
    Incoming,
    ItemState,
    Label,
    Method,
    Metric,
    Model,
    ModelKind,
    Package,
    PackageKind,
    PictureFacts,
    Prediction,
    Ranked,
    Run,
    RunState,
    Search,
    SearchKind,
    SearchState,
    Service,
    Share,
    Split,
    Step,
    Survey,
    Token,
    TrainingSpec,
    Trial,
    Upload,
    UploadItem,
    UploadState,
    Verdict,
    Version,
    VersionImage,
    Wish,
)


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

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Change:
        """As `asdict` has it; JSON keeps of a split only what it is called."""
        return cls(**{**told, "split": Split(told["split"]) if told["split"] else None})


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


Uses = tuple[tuple[int | None, Split, int], ...]  # label id, split, and how many images have both


@dataclass(frozen=True, slots=True)
class Moment:
    """A state of a dataset that can be told again later, for whatever changes it afterwards is on record."""

    revision: int  # of the labels
    last_image: int  # ids of the newest there are
    last_change: int
    uses: Uses

    @property
    def labelled(self) -> int:
        return sum(many for label_id, _, many in self.uses if label_id is not None)

    @property
    def images(self) -> int:
        return sum(many for *_, many in self.uses)


@dataclass(frozen=True, slots=True)
class Announced:
    """What is still to be written down of a version, and how it is drawn."""

    images: list[LabelledImage]  # of that moment
    unlabelled: list[tuple[int, str, Split]]
    label_ids: list[int]  # in the order of the version's labels
    validation_share: float
    seed: int
    groups: list[list[int]]  # image ids that belong together


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
        """(id, labels revision) of the datasets whose labels changed since the last fit, and on which no
        errand is at work. Cheap: asked all the time."""

    def mark_fitted(self, dataset_id: int, revision: int) -> None:
        """The instant model has now seen `revision`; never moves back."""


class ImageStore(Protocol):
    def add(
        self, dataset_id: int, images: Sequence[NewImage], who: str, summary: str, token: str | None = None
    ) -> Outcome:
        """One transaction. Bytes the dataset has already are left out (in the trash: taken out of it).

        Calls with the same `token` make one action together, so that many images never need one long transaction.
        """

    def take_in(
        self,
        dataset_id: int,
        upload_id: str,
        after: int,
        limit: int,
        labels: Sequence[str],
        mapped: Mapping[str, str | None],
        who: str,
        summary: str,
    ) -> tuple[int, int] | None:
        """Makes the next accepted items of an upload images, all of one action; as `add`, and one transaction.

        `labels` are made first, in this order; `mapped` says what those of the items are called (None: left out, '':
        without one). Gives how far it came, to be said as `after` the next time, and how many images the upload has
        become by now; None when there are no more items.
        """

    def get(self, image_id: int) -> Image:
        """Raises NotFound."""

    def page(self, dataset_id: int, where: Where, offset: int, limit: int) -> list[Image]: ...
    def count(self, dataset_id: int, where: Where) -> int: ...
    def uses(self, dataset_id: int) -> Uses:
        """Without the deleted ones."""

    def by_sha(self, dataset_id: int, sha256s: Sequence[str]) -> dict[str, Image]:
        """Without the deleted ones."""

    def known(self, sha256: str) -> bool:
        """Some image, upload item or prediction still names these bytes."""

    def unnamed(self, sha256s: Sequence[str]) -> list[str]:
        """Those among them of which `known` says no."""

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
        """Newest first, without those that met a conflict and changed nothing."""

    def action(self, action_id: int) -> Action:
        """Raises NotFound."""

    def untouched(self, actions: Sequence[Action]) -> set[int]:
        """Ids of those that can be taken back as a whole: nothing later changed one of their images."""

    def history(self, image_id: int) -> list[Step]:
        """What was done to an image, newest first."""

    def origins(self, dataset_id: int) -> dict[str, int]:
        """Where the images came from, and how many; by name."""

    def outcome(self, action_id: int) -> Outcome:
        """What an action did. Raises NotFound."""

    def purge(self, before: float, limit: int) -> int:
        """Removes for good what is in the trash since before then, save what a version holds; gives how many.

        Their bytes are `leftovers` until their files are gone.
        """

    def purge_removed(self, before: float, limit: int) -> int:
        """As `purge`, the images of datasets removed before then and of which no run goes on; versions do not hold
        them, for they were removed with the dataset."""

    def leftovers(self, limit: int) -> list[str]:
        """sha256s that nobody names any more and whose files may still be there."""

    def leave(self, sha256s: Sequence[str]) -> None:
        """Puts bytes among the leftovers."""

    def forget(self, sha256s: Sequence[str]) -> None:
        """Their files are gone, or somebody names them again."""


class DeskStore(Protocol):
    """What the labelling screen asks all the time."""

    def waiting(self, dataset_id: int) -> NDArray[np.int64]:
        """(N, 3): id, revision and row of the vector of every image that has a vector and no label; by id."""

    def news(self, dataset_id: int, since: int, row: int, limit: int) -> tuple[list[int], NDArray[np.int64]] | None:
        """The ids of all images that were changed since a labels revision, or whose vector lies at `row` or behind it,
        and the rows of `waiting` of those among them that wait; None when there are more than `limit`."""

    def revision(self, dataset_id: int) -> int:
        """The labels revision; 0 where there is no such dataset. Cheap."""

    def touched(self, dataset_id: int, since: int, limit: int, ids: Sequence[int] | None = None) -> list[Touch]:
        """Images of the actions that changed anything since a labels revision, each once; of `ids` alone, where given
        (500 at most)."""

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

    def torn(self, upload_id: str, limit: int) -> tuple[int, list[tuple[UploadItem, UploadItem]]]:
        """Pictures that stand under two labels or in two splits: how many, and the first (kept, other)."""

    def summary(self, upload_id: str) -> dict[ItemState, int]: ...
    def plan(self, upload_id: str, plan: Mapping[str, Any]) -> None:
        """Replaces the plan."""

    def went_on(self, upload_id: str, plan: Mapping[str, Any], added: int) -> None:
        """Some of its items are images now."""

    def forget(self, upload_id: str) -> None:
        """Removes the items, whose bytes are leftovers where no image has them; the upload itself stays known."""

    def move(
        self, upload_id: str, expected: Sequence[UploadState], to: UploadState, dataset_id: int | None = None
    ) -> bool:
        """Compare-and-swap of the state."""


class VersionStore(Protocol):
    """A state of a dataset is named by the id of a version, or None: as it is now."""

    def freeze(self, dataset_id: int, name: str, labels: Sequence[str], images: Sequence[VersionImage]) -> Version:
        """The same list again is the same version, which keeps its name."""

    def moment(self, dataset_id: int) -> Moment: ...
    def announce(
        self,
        dataset_id: int,
        labels: Mapping[int, str],
        moment: Moment,
        validation_share: float,
        seed: int,
        groups: Sequence[Sequence[int]],
    ) -> Version:
        """A version of that moment whose images are written down later; the same one for the same announcement.

        `labels` are id -> name, in order.
        """

    def due(self, before: float) -> list[int]:
        """Versions that were announced before then (unix seconds) and are not written down yet."""

    def announced(self, version_id: int) -> Announced | None:
        """None: nothing is left to write down, or there is no such version."""

    def write_down(self, version_id: int, images: Sequence[VersionImage]) -> int:
        """Completes an announced version; gives its id. Where another one has the same content that one takes its
        place with all that was made on it."""

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


class ErrandStore(Protocol):
    """Asking is one transaction, with the action that it makes; asked again with the same token it is the same one.

    `summary` is what is being done, `said` what the action is called once it is.
    """

    def keep(self, dataset_id: int, name: str, who: str, summary: str, total: int) -> Errand: ...
    def restore(self, dataset_id: int, version_id: int, who: str, summary: str, said: str) -> Errand: ...
    def undo(self, action_id: int, who: str, token: str | None, say: Callable[[str], str]) -> Errand:
        """`say` makes the summary of the action's own. Raises NotFound, Conflict (taken back already)."""

    def merge(
        self,
        name: str,
        dataset_ids: Sequence[int],
        labels_of: Sequence[int],
        chosen: Mapping[str, int],
        who: str,
        summary: str,
        said: str,
        total: int,
    ) -> Errand:
        """As `MergeStore.merge`; the new dataset is there at once, still empty. Raises Conflict."""

    def change(
        self, dataset_id: int, kind: str, where: Where, to: Change, who: str, token: str | None, summary: str
    ) -> Errand:
        """As `ImageStore.change_all`; what matches is decided piece by piece."""

    def accept(
        self, dataset_id: int, changes: Sequence[Change], who: str, token: str | None, summary: str, said: str
    ) -> Errand:
        """As `ImageStore.change`, for changes of labels alone."""

    def file(self, dataset_id: int, labels: Mapping[int, str], who: str, summary: str, said: str) -> Errand:
        """Of predictions, id -> label, in order."""

    def get(self, errand_id: int) -> Errand:
        """Raises NotFound."""

    def by_token(self, token: str) -> Errand | None: ...
    def unfinished(self, dataset_id: int | None = None) -> list[Errand]:
        """Those at work and those that stopped with a problem, oldest first. Cheap: asked all the time."""

    def wish(self, errand_id: int) -> dict[str, Any]:
        """What it was asked to do, as far as its kind needs to know; empty once it is finished."""

    def begin(self, errand_id: int) -> bool:
        """Counts a turn, before the work. False: it has had too many without getting on, and waits for a person."""

    def step(self, errand_id: int, limit: int) -> bool:
        """The next piece, in one transaction with how far it is; False when there is none."""

    def file_some(
        self, errand_id: int, many: int, ids: Sequence[int], new: Sequence[NewImage], changes: Sequence[Change]
    ) -> None:
        """As `step`, for the next `many` predictions: `ids` are those that are filed, as new images or under new labels
        of images that are there."""

    def finish(self, errand_id: int, say: Callable[[int], str] | None = None) -> None:
        """`say` names the action by the number of images that it changed."""

    def fail(self, errand_id: int, problem: str) -> None: ...
    def go_on(self, errand_id: int) -> None:
        """One that stopped has something to do again."""

    def leave(self, errand_id: int) -> None:
        """One that stopped is over; what it has done stays."""


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
        question: str | None = None,
    ) -> Run:
        """One that begins where its parent stood takes over its curve; one with a question waits for its answer."""

    def get(self, run_id: int) -> Run:
        """Raises NotFound."""

    def all(self, dataset_id: int | None = None, states: Sequence[RunState] = ()) -> list[Run]:
        """Newest first."""

    def request(self, run_id: int, wish: Wish | Literal["resume"]) -> bool:
        """Moves a waiting run at once, asks a working one. False when the run is over."""

    def answer(self, run_id: int, choice: Choice, name: str, spec: TrainingSpec) -> bool:
        """Queues a run that waits for an answer, as it is now to be. False: it does not wait for one any more."""

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


class SearchStore(Protocol):
    """Searches and their trials. A trial and its run are made in one transaction, so that none is asked for twice."""

    def create(
        self,
        dataset_id: int,
        version_id: int,
        kind: SearchKind,
        space: Mapping[str, Sequence[Any]],
        fixed: Mapping[str, Any],
        budget_s: float,
        epochs: int,
        full_epochs: int,
        most: int,
        seed: int,
        owner: str,
    ) -> Search: ...
    def get(self, search_id: int) -> Search:
        """Raises NotFound."""

    def all(self, dataset_id: int | None = None) -> list[Search]:
        """Newest first."""

    def due(self) -> list[Search]:
        """Those that somebody has to carry on, oldest first. Cheap: asked all the time."""

    def trials(self, search_id: int) -> list[tuple[Trial, Run]]:
        """By number."""

    def trial_runs(self) -> set[int]:
        """Ids of all runs that are trials."""

    def checks(self, search_id: int) -> dict[int, list[Metric]]:
        """Run id -> what its trial scored on validation pictures, by step."""

    def seconds(self, search_id: int) -> dict[int, float]:
        """Run id -> seconds that its trial had a device so far."""

    def cas(self, search_id: int, expected: Sequence[SearchState], **values: Any) -> bool:
        """Moves a search only if it still is where the caller believes it to be."""

    def begin_trial(self, search_id: int, number: int, point: Mapping[str, Any], name: str, spec: TrainingSpec) -> bool:
        """Puts the next trial into the queue, if the search still searches and that number is the next."""

    def prune(self, search_id: int, number: int, epoch: int) -> None: ...
    def weigh(self, search_id: int, trials: int, importance: Mapping[str, float]) -> None:
        """Which dial mattered how much, worked out from so many trials."""

    def crown(self, search_id: int, number: int, name: str, spec: TrainingSpec) -> bool:
        """ending -> training: puts the full training of a trial's settings into the queue, once."""


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
        """A dataset has one instant model, whose row is replaced; a run has one model, likewise. Each imported one is
        another."""

    def measured(
        self,
        model_id: int,
        accuracy: float,
        interval: tuple[float, float],
        measured_on: str,
        measured_n: int,
        summary: Mapping[str, Any],
    ) -> None:
        """It was measured anew; `summary` replaces the one of before."""

    def get(self, model_id: int) -> Model:
        """Raises NotFound."""

    def answer(self, model_id: int, share: float) -> None:
        """What share of the pictures it shall answer; kept when the model is made anew."""

    def use(self, dataset_id: int, model_id: int) -> None:
        """It is the chosen one of its dataset, and no other is."""

    def all(self, dataset_id: int | None = None) -> list[Model]:
        """Newest first."""

    def drop_unused(self, run_id: int) -> int:
        """Forgets the model of a run, unless somebody chose it, asked it, shared or packed it, made it more cautious,
        or trained on from its run. How many there were: 0 or 1."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A filter of predictions; every given part must hold."""

    batch_id: int | None = None
    label: str | None = None
    least: float = 0.0  # confidence, both ends included
    most: float = 1.0
    filed: bool | None = None  # in the dataset already, or not
    verdict: Verdict | None = None
    before: int | None = None  # only ids below
    ids: tuple[int, ...] | None = None  # with the order "given"
    order: Literal["newest", "arrival", "sure", "unsure", "label", "name", "given"] = "newest"


@dataclass(frozen=True, slots=True)
class NewPrediction:
    """An answer of a batch, with what an image made of it needs."""

    item: BatchItem
    ranked: tuple[Ranked, ...]
    milliseconds: float
    verdict: Verdict
    sketch: bytes
    width: int
    height: int
    format: str
    bytes: int


class PredictionStore(Protocol):
    def add(
        self,
        dataset_id: int,
        model_id: int,
        sha256: str,
        name: str,
        ranked: Sequence[Ranked],
        milliseconds: float,
        verdict: Verdict = Verdict.ANSWERED,
    ) -> Prediction: ...
    def get(self, prediction_id: int) -> Prediction:
        """Raises NotFound."""

    def all(self, dataset_id: int, limit: int = 1000) -> list[Prediction]:
        """Newest first."""

    def page(self, dataset_id: int, asked: Asked, offset: int, limit: int) -> list[Prediction]: ...
    def count(self, dataset_id: int, asked: Asked) -> int: ...
    def by_label(self, dataset_id: int, asked: Asked) -> dict[str, int]:
        """How many have each label as their best one, the most first."""

    def doubts(self, dataset_id: int, asked: Asked, limit: int) -> list[tuple[int, float, bytes | None]]:
        """(id, margin, sketch), smallest margin first."""

    def answers(self, dataset_id: int, asked: Asked) -> list[tuple[int, str]]:
        """(id, label) of all that match."""

    def file(self, ids: Sequence[int]) -> None:
        """Each is of the image that has its bytes from now on, where its dataset has one."""

    def filed_as(self, ids: Sequence[int]) -> dict[int, int]:
        """Prediction id -> id of its image, of those that have one that is not in the trash."""


class BatchStore(Protocol):
    def begin(self, dataset_id: int, model_id: int, name: str, who: str, expected: int) -> Batch: ...
    def get(self, batch_id: int) -> Batch:
        """Raises NotFound."""

    def all(self, dataset_id: int, limit: int = 50) -> list[Batch]:
        """Newest first."""

    def receive(self, batch_id: int, items: Sequence[tuple[int, str, str]]) -> Batch:
        """(place, name, sha256); a place that is taken stays as it is."""

    def missing(self, batch_id: int) -> list[int]:
        """Places that have not arrived, of what was announced."""

    def due(self, limit: int) -> list[BatchItem]:
        """Waiting items of one batch, the oldest batch's first. Cheap: asked all the time."""

    def answer(self, asked: Batch, answers: Sequence[NewPrediction], refused: Mapping[int, str]) -> None:
        """One transaction: predictions for the answered items, reasons (item id -> sentence) for the refused ones.

        An item that has its answer already, or whose batch was cancelled meanwhile, gets no other.
        """

    def refused(self, batch_id: int, limit: int) -> list[BatchItem]: ...
    def cancel(self, batch_id: int) -> None:
        """What waits is dropped; what is answered stays."""


class TokenStore(Protocol):
    def add(self, name: str, who: str, hashed: str) -> Token: ...
    def find(self, token_id: int) -> Token | None: ...
    def all(self) -> list[Token]:
        """Newest first, revoked ones too."""

    def used(self, token_id: int) -> None: ...
    def revoke(self, token_id: int) -> None:
        """For ever; again does nothing."""


class ShareStore(Protocol):
    def add(self, model_id: int, who: str, hashed: str, expires_at: float) -> Share: ...
    def find(self, share_id: int) -> Share | None: ...
    def all(self, model_id: int) -> list[Share]:
        """Newest first, those that are over too."""

    def used(self, share_id: int) -> None: ...
    def revoke(self, share_id: int) -> None:
        """For ever; again does nothing."""


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


class PackageStore(Protocol):
    """The forms in which models were asked for, and what came of it."""

    def want(self, model_id: int, kind: PackageKind, anew: bool = False) -> Package:
        """Asks for it, of the model as it is now; nothing changes where that one is on its way, or there and not
        wanted `anew`.

        Raises NotFound.
        """

    def all(self, model_id: int) -> list[Package]:
        """Those of the model as it is now."""

    def due(self) -> list[Package]:
        """Those to make, longest wanted first; one that was begun three times and never ended is left alone."""

    def begin(self, asked: Package) -> None:
        """Counts a try, before the work."""

    def put(self, asked: Package, certificate: Mapping[str, Any]) -> None: ...
    def fail(self, asked: Package, problem: str) -> None: ...
    def forget(self, model_id: int, kind: PackageKind) -> None:
        """As if nobody had asked."""


class ExplanationStore(Protocol):
    """What models were asked about their answers, and what came of it. Kept by model, bytes, method and label."""

    def want(self, model_id: int, sha256: str, method: Method, label: str) -> Explanation:
        """Asks for it, of the model as it is now; nothing changes where that one is there or on its way.

        Raises NotFound.
        """

    def get(self, explanation_id: int) -> Explanation:
        """Raises NotFound."""

    def due(self) -> list[Explanation]:
        """Those to work out, longest wanted first; one that was begun three times and never ended is left alone.
        Cheap: asked all the time."""

    def begin(self, explanation_id: int) -> None:
        """Counts a try, before the work."""

    def tell(self, explanation_id: int, progress: float) -> None: ...
    def put(self, explanation_id: int, content: Mapping[str, Any]) -> None: ...
    def fail(self, explanation_id: int, problem: str) -> None: ...
    def sweep(self, keep: int) -> None:
        """Forgets all but the `keep` wanted last."""


class IncomingStore(Protocol):
    """Bundles of models from another Darkroom, and what became of them."""

    def create(self, name: str, dataset_id: int | None, dataset_name: str, who: str) -> Incoming: ...
    def get(self, incoming_id: int) -> Incoming:
        """Raises NotFound."""

    def all(self, limit: int) -> list[Incoming]:
        """Newest first."""

    def ready(self, incoming_id: int) -> None:
        """All of it has arrived."""

    def due(self) -> list[Incoming]:
        """Those to read, oldest first; one that was begun three times and never ended is left alone."""

    def begin(self, incoming_id: int) -> None:
        """Counts a try, before the work."""

    def place(self, incoming_id: int, dataset_id: int) -> None:
        """This dataset was made for it."""

    def done(self, incoming_id: int, model_id: int) -> None: ...
    def refuse(self, incoming_id: int, problem: str) -> None: ...


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

    def marks(self, dataset_id: int) -> list[tuple[int, FindingKind]]:
        """(image id, kind) of every image of every open finding, in no order."""

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
    errands: ErrandStore
    images: ImageStore
    desk: DeskStore
    vectors: VectorStore
    facts: FactStore
    uploads: UploadStore
    versions: VersionStore
    runs: RunStore
    models: ModelStore
    predictions: PredictionStore
    searches: SearchStore
    batches: BatchStore
    tokens: TokenStore
    shares: ShareStore
    packages: PackageStore
    incoming: IncomingStore
    surveys: SurveyStore
    explanations: ExplanationStore
    findings: FindingStore
    services: ServiceStore
