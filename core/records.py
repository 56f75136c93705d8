"""The vocabulary as frozen records: what the store returns and the screens draw.

Times are seconds since the epoch (UTC). Shares, accuracies and confidences are 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Split(StrEnum):
    """What an image is used for. `AUTO` leaves the choice to the version that a run trains on."""

    AUTO = "auto"
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class RunState(StrEnum):
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def active(self) -> bool:
        """A trainer holds it, or is being started for it."""
        return self in (RunState.STARTING, RunState.RUNNING)

    @property
    def final(self) -> bool:
        return self in (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)


class Wish(StrEnum):
    """What a person asked of a run; the trainer obeys between two steps."""

    PAUSE = "pause"
    STOP = "stop"  # end now, keep the best model: the run succeeds
    CANCEL = "cancel"  # end now, keep nothing
    SALVAGE = "salvage"  # the scheduler's own: it failed too often, but its best model is kept


class Hold(StrEnum):
    """What a paused run waits for."""

    DISK = "disk"  # for room; it goes on by itself
    ANSWER = "answer"  # for a person: the weights it should begin with cannot be had


class Choice(StrEnum):
    """What a person may answer where the weights of a run cannot be had."""

    DOWNLOAD = "download"  # fetch them
    SCRATCH = "scratch"  # begin with nothing
    PACKAGED = "packaged"  # take the network whose weights come with the program


class Begin(StrEnum):
    """Where a run begins that has a parent."""

    FRESH = "fresh"  # where every run begins
    AGAIN = "again"  # at the last checkpoint of the parent, which failed; where there is none, fresh
    END = "end"  # with the weights that the parent ended with
    BEST = "best"  # with the weights of the parent's model


class ModelKind(StrEnum):
    INSTANT = "instant"
    TRAINED = "trained"
    IMPORTED = "imported"  # from another Darkroom, where it was one of the two


class UploadState(StrEnum):
    RECEIVING = "receiving"  # files still arrive
    IMPORTING = "importing"  # files still arrive from the command line, which looks at them itself
    CHECKING = "checking"  # all arrived; the indexer still looks at some
    READY = "ready"  # everything looked at; waits for the person's yes
    ADDING = "adding"  # the person said yes; the indexer adds
    ADDED = "added"
    CANCELLED = "cancelled"


class ItemState(StrEnum):
    RECEIVED = "received"
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # the same bytes are in this upload, or in the dataset, already
    REFUSED = "refused"
    IGNORED = "ignored"  # system and side files: counted, not listed


@dataclass(frozen=True, slots=True)
class Dataset:
    id: int
    name: str
    created_at: float
    labels_revision: int  # grows with every change of an image or a label
    fitted_revision: int  # the labels_revision that the instant model has seen; -1: never fitted
    images: int = 0  # without the deleted ones
    labels: int = 0


@dataclass(frozen=True, slots=True)
class Label:
    id: int
    dataset_id: int
    name: str
    position: int  # order of arrival, from 0; decides the label's colour and never changes
    images: int = 0


@dataclass(frozen=True, slots=True)
class Image:
    id: int
    dataset_id: int
    sha256: str  # of the uploaded bytes: names the file, the thumbnail and the vector
    name: str  # the path it was uploaded with, for people; never a path on this machine
    label_id: int | None
    label: str | None
    split: Split
    width: int  # px, upright
    height: int  # px, upright
    format: str  # JPEG, PNG, ...
    bytes: int
    revision: int  # grows with every change of this image; writers say which one they saw
    added_at: float
    deleted_at: float | None = None
    origin: str = ""  # name of the dataset it came from when datasets were merged; empty: it was uploaded here


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What was measured of a picture's pixels when it arrived. Shares and levels are 0..1."""

    brightness: float  # mean luma
    contrast: float  # standard deviation of the luma
    dark: float  # share of pixels that show nothing but black
    bright: float  # share of pixels that show nothing but white
    sharpness: float  # how much a blur would take away; 0 for one that is blurred already, or blank
    colour: float  # mean distance between the strongest and the weakest channel; 0: grey
    border: tuple[float, float, float]  # mean colour of the outermost pixels, RGB
    border_spread: float  # how much they vary
    look: str  # perceptual hash, 16 hex digits: few different bits look alike
    mini: bytes  # 16 x 16 luma, row by row
    pixels: str  # names what was decoded, squashed to the size of a vector's input, whatever the file


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a person did to a dataset; undo takes back a whole action."""

    id: int
    dataset_id: int
    at: float
    who: str
    kind: str  # "relabel", "delete", "restore", "split", "add"
    summary: str
    images: int
    undone_at: float | None = None


class ErrandKind(StrEnum):
    """A change of so many images that nobody waits for it: the indexer carries it out."""

    KEEP = "keep"  # the present state becomes a version
    RESTORE = "restore"  # a version becomes the present state
    UNDO = "undo"
    MERGE = "merge"  # into a dataset that is there, and still empty
    CHANGE = "change"  # the same for all that match
    ACCEPT = "accept"  # what a model suggests
    FILE = "file"  # predicted pictures become images


@dataclass(frozen=True, slots=True)
class Errand:
    """Something large that a person asked for, and how far it is. Carried out once, whoever is killed meanwhile."""

    id: int
    dataset_id: int
    kind: ErrandKind
    at: float
    who: str
    summary: str  # what is being done, as people read it: Going back to version 3
    total: int  # images to go through
    done: int  # images gone through
    action_id: int | None  # once it has begun; a version has none
    finished_at: float | None
    problem: str | None  # a sentence: why it stopped; a person may have it go on

    @property
    def open(self) -> bool:
        """The indexer has something to do."""
        return self.finished_at is None and self.problem is None


@dataclass(frozen=True, slots=True)
class Step:
    """What one action did to one image, from what to what."""

    action: Action
    label: tuple[str | None, str | None]
    split: tuple[Split, Split]
    deleted: tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class Upload:
    id: str  # 128 random bits, URL-safe
    dataset_id: int | None  # None: a new dataset is made when it is added
    name: str  # of the dataset to make
    state: UploadState
    created_at: float
    add_when_ready: bool = False  # no person is asked: the check adds it
    received: int = 0
    checked: int = 0
    added: int = 0
    plan: dict[str, Any] = field(default_factory=dict)  # how labels were read and what the person made of them


@dataclass(frozen=True, slots=True)
class UploadItem:
    upload_id: str
    path: str  # as sent: folders give the label, nothing else is done with it
    state: ItemState
    bytes: int
    sha256: str | None = None
    label: str | None = None
    split: Split = Split.AUTO
    width: int = 0
    height: int = 0
    format: str = ""
    reason: str | None = None  # a sentence, when refused or ignored
    origin: str = ""  # name of the dataset it came from, where an export of ours says so
    name: str = ""  # the path it was first uploaded with, likewise

    @property
    def folder(self) -> str:
        """The path without the file's name; '' where it stands in the root."""
        return self.path.replace("\\", "/").rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Version:
    """A dataset as it was, frozen; its labelled images with their splits are what a run trains on."""

    id: int
    dataset_id: int
    created_at: float
    name: str  # '' until a person gives it one
    content_hash: str  # of the list: the same content is the same version
    labels: tuple[str, ...]  # index in this tuple = class index of every model trained on it
    images: int  # with a label
    unlabelled: int = 0


NO_LABEL = -1  # as a label index


@dataclass(frozen=True, slots=True)
class VersionImage:
    image_id: int
    sha256: str
    label_index: int  # NO_LABEL: nothing is learned from it
    split: Split  # never AUTO where there is a label
    kept: Split = Split.AUTO  # what the dataset said, which is what restoring brings back


class ChangeKind(StrEnum):
    """How an image differs between two states of a dataset."""

    ADDED = "added"
    REMOVED = "removed"
    RELABELLED = "relabelled"
    MOVED = "moved"  # to another split, by a person
    REDRAWN = "redrawn"  # left to Darkroom, and drawn for another split by the second version


@dataclass(frozen=True, slots=True)
class Difference:
    """From one state of a dataset to another, in numbers of images. One may be relabelled and moved."""

    counts: dict[ChangeKind, int]
    same: int  # neither relabelled nor moved
    relabelled: tuple[tuple[str | None, str | None, int], ...]  # (from, to, images), the most first

    @property
    def none(self) -> bool:
        """Restoring the first state would change nothing."""
        return not any(many for kind, many in self.counts.items() if kind is not ChangeKind.REDRAWN)


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an image is in one state of a dataset."""

    label: str | None
    split: Split


@dataclass(frozen=True, slots=True)
class Holding:
    """An image of a state, as much of it as an export and a merge need."""

    sha256: str
    name: str
    format: str
    bytes: int
    origin: str
    label: str | None
    split: Split


@dataclass(frozen=True, slots=True)
class Differing:
    """An image in two states of a dataset; None where it is not in it."""

    image: Image
    before: Placed | None
    after: Placed | None


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """What a person chose; the recipe derives the rest. JSON in the run row."""

    architecture: str
    epochs: int
    overrides: dict[str, Any] = field(default_factory=dict)  # fields of core.recipe.Recipe
    begin: str = Begin.FRESH
    fetch: bool = False  # a person said that weights which are not at hand may be downloaded


@dataclass(frozen=True, slots=True)
class Run:
    id: int
    dataset_id: int
    version_id: int
    name: str
    spec: TrainingSpec
    state: RunState
    wish: Wish | None
    attempt: int  # fencing token: only the newest attempt may write
    handle: str | None  # host:pid:boot-ticks of the trainer
    step: int  # optimizer steps done
    total_steps: int  # 0 until the trainer knows
    epoch: int  # whole epochs done
    queued_at: float
    started_at: float | None
    finished_at: float | None
    heartbeat_at: float | None
    progress_at: float | None
    not_before: float
    crash_count: int
    crash_step: int
    error: str | None  # a sentence
    model_id: int | None
    owner: str = ""  # who asked for it
    priority: int = 0  # higher goes first
    parent_id: int | None = None  # the run it was made from: tried again, trained longer, or with a dial changed
    hold: Hold | None = None  # of a paused run
    search_id: int | None = None  # the search that it is a trial of


class SearchKind(StrEnum):
    """How a search chooses what to try next."""

    TPE = "tpe"  # learns from the trials before: tree-structured Parzen estimator, trials without hope ended early
    RANDOM = "random"
    GRID = "grid"  # every combination once


class SearchState(StrEnum):
    SEARCHING = "searching"
    PAUSED = "paused"
    ENDING = "ending"  # the budget is spent, or a person said stop: the trials at work keep their best and end
    TRAINING = "training"  # the winner, fully
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        return self in (SearchState.DONE, SearchState.CANCELLED, SearchState.FAILED)


@dataclass(frozen=True, slots=True)
class Search:
    """Good settings are looked for: trials on one version, each an ordinary run, until the budget is spent."""

    id: int
    dataset_id: int
    version_id: int
    kind: SearchKind
    space: dict[str, list[Any]]  # dial of `core.spaces` -> its values, or its lowest and highest
    fixed: dict[str, Any]  # fields of core.recipe.Recipe that are the same in all trials
    budget_s: float  # seconds on a device, of all trials together
    epochs: int  # of a trial
    full_epochs: int  # of the winner; 0: what its architecture usually gets
    most: int  # trials; 0: as many as fit
    seed: int
    state: SearchState
    owner: str
    created_at: float
    finished_at: float | None
    winner: int | None  # number of the trial that won
    winner_run_id: int | None  # the run that trains it fully
    error: str | None  # a sentence
    weighed: int  # trials from which the next was worked out
    importance: dict[str, float]  # dial -> share of the differences between trials that goes back to it, 1 in all


@dataclass(frozen=True, slots=True)
class Trial:
    search_id: int
    number: int  # from 1, in the order in which they were asked for
    run_id: int
    point: dict[str, Any]  # dial -> where it stands
    pruned_at: int | None  # the epoch after which there was no hope left


@dataclass(frozen=True, slots=True)
class Event:
    id: int
    run_id: int
    attempt: int
    at: float
    kind: str
    data: dict[str, Any]


CLOCKED = ("images_per_s", "memory_mb", "utilisation")  # metrics of the machine: their values differ from run to run


@dataclass(frozen=True, slots=True)
class Metric:
    step: int
    key: str  # train_ and val_ loss and accuracy, learning_rate, images_per_s, memory_mb, utilisation
    value: float


@dataclass(frozen=True, slots=True)
class Frame:
    """What a run said of the pictures of its film strip after an epoch; small."""

    step: int
    epoch: int
    data: dict[
        str, Any
    ]  # said: per picture [[label index, share], ...]; maps: base64 a picture; shape: [rows, columns]


@dataclass(frozen=True, slots=True)
class Model:
    id: int
    dataset_id: int
    dataset: str
    kind: ModelKind
    architecture: str
    run_id: int | None
    version_id: int | None
    labels: tuple[str, ...]
    accuracy: float  # 0..1 on `measured_n` pictures
    interval: tuple[float, float]  # 95 %, Wilson
    measured_on: str  # "cross-validation", "validation" or "test"
    measured_n: int
    created_at: float
    folder: str  # below the data folder; a new folder for each fit, so that a reader never sees half of one
    summary: dict[str, Any] = field(default_factory=dict)  # per-label scores and the like, small
    answer_share: float = 1.0  # of pictures that it shall answer; the rest, the least sure, is a person's
    chosen: bool = False  # by a person, to answer for its dataset whatever its score


class Verdict(StrEnum):
    """What becomes of an answer."""

    ANSWERED = "answered"
    UNSURE = "unsure"  # a person should look
    UNLIKE = "unlike"  # the picture is unlike anything the model has learned


@dataclass(frozen=True, slots=True)
class Ranked:
    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Neighbour:
    image_id: int
    sha256: str
    label: str | None
    similarity: float  # cosine, -1..1


@dataclass(frozen=True, slots=True)
class Answer:
    """What the predictor says of one picture."""

    ranked: tuple[Ranked, ...]  # every label, best first; confidences sum to 1
    heat: tuple[
        tuple[float, ...], ...
    ]  # class activation of the best label, rows of 0..1; () where the network has none
    neighbours: tuple[Neighbour, ...]
    milliseconds: float  # decoding and inference, without queueing
    width: int
    height: int
    verdict: Verdict = Verdict.ANSWERED
    familiarity: float | None = None  # -1..1, see `core.caution`; None: the model was made without


@dataclass(frozen=True, slots=True)
class Prediction:
    id: int
    dataset_id: int
    model_id: int
    sha256: str
    name: str
    ranked: tuple[Ranked, ...]
    milliseconds: float
    at: float
    corrected_label: str | None = None  # of the image that the correction made, as it is now
    image_id: int | None = None  # of that image, while it is in the dataset
    verdict: Verdict = Verdict.ANSWERED
    batch_id: int | None = None
    label: str = ""  # the best one
    confidence: float = 0.0
    width: int | None = None  # px; this and the next three: None where it was not looked at as an image of a dataset is
    height: int | None = None
    format: str | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Many pictures for one model, answered in the background."""

    id: int
    dataset_id: int
    model_id: int
    name: str
    who: str
    created_at: float
    expected: int  # pictures that were announced
    received: int
    answered: int
    refused: int
    cancelled: bool

    @property
    def waiting(self) -> int:
        """Pictures that are here and have no answer yet."""
        return 0 if self.cancelled else self.received - self.answered - self.refused

    @property
    def over(self) -> bool:
        return self.cancelled or self.answered + self.refused >= self.expected


@dataclass(frozen=True, slots=True)
class BatchItem:
    id: int
    batch_id: int
    place: int
    name: str
    sha256: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """Lets a program of one person ask the models over HTTP. The secret itself was shown once and is kept nowhere."""

    id: int
    name: str
    who: str
    hash: str  # SHA-256 of the secret, hex
    created_at: float
    used_at: float | None  # to the minute
    revoked_at: float | None


@dataclass(frozen=True, slots=True)
class Share:
    """Lets whoever has the link try one model, and see nothing else."""

    id: int
    model_id: int
    who: str
    hash: str  # SHA-256 of the secret, hex
    created_at: float
    expires_at: float
    used_at: float | None  # to the minute
    revoked_at: float | None


class FindingKind(StrEnum):
    """What may be wrong with the data, most harmful first."""

    LEAK = "leak"  # one picture, or nearly, on both sides of the split
    TWO_LABELS = "two_labels"  # one picture, or nearly, under two labels
    DAMAGED = "damaged"
    SHORTCUT = "shortcut"  # something beside the thing itself gives the label away
    SUSPECT = "suspect"  # the label is probably wrong
    FEW = "few"
    IMBALANCE = "imbalance"
    NAMES = "names"  # two labels that look like one
    EXACT = "exact"  # the same pixels twice
    NEAR = "near"  # nearly the same picture twice
    BLANK = "blank"
    BLURRY = "blurry"
    DARK = "dark"
    BRIGHT = "bright"
    TINY = "tiny"
    SHAPE = "shape"
    OUTLIER = "outlier"  # unlike the rest


# Kinds that say something of labels; their pictures are only examples.
OF_LABELS = (FindingKind.SHORTCUT, FindingKind.FEW, FindingKind.IMBALANCE, FindingKind.NAMES)
# Kinds whose pictures show one thing: a split keeps them together.
DUPLICATES = (FindingKind.LEAK, FindingKind.TWO_LABELS, FindingKind.EXACT, FindingKind.NEAR)


@dataclass(frozen=True, slots=True)
class Found:
    """A finding as it is made. The same trouble with the same pictures has the same key."""

    kind: FindingKind
    key: str
    score: float  # how sure or how bad, larger first; compares only within a kind
    sentence: str
    images: tuple[int, ...]  # ids, in the order in which they are shown
    detail: dict[str, Any] = field(default_factory=dict)  # what its actions need, small


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with the data. It is open as long as its pictures are as they were when it was found."""

    id: int
    dataset_id: int
    key: str
    kind: FindingKind
    score: float
    sentence: str
    detail: dict[str, Any]
    images: tuple[int, ...]
    ignored: bool  # a person said: never again


@dataclass(frozen=True, slots=True)
class Survey:
    """Something worked out in the background over all pictures of a dataset: its findings, its map ..."""

    dataset_id: int
    kind: str  # one of `core.surveyor.KINDS`
    wanted: int  # the labels_revision it was last asked for at
    revision: int  # the labels_revision that `content` has seen; -1: there is none yet
    at: float | None  # when it was finished
    seconds: float  # that it took
    pending: bool  # a newer one was asked for and is not there yet
    progress: float | None  # 0..1 while it is worked out, else None
    problem: str | None  # a sentence: why there is no newer one
    content: dict[str, Any]  # small; large arrays stand in the file that it names

    @property
    def ready(self) -> bool:
        """There is one, be it of yesterday's labels."""
        return self.revision >= 0


class PackageKind(StrEnum):
    """A form in which a model is taken away, besides its bundle."""

    PAGE = "page"  # one HTML file that runs it in any browser
    HALF = "fp16"  # model.onnx with weights of 16 bits
    BYTE = "int8"  # model.onnx with weights and sums of 8 bits
    REPORT = "report"  # one HTML page for people who decide
    PDF = "pdf"  # the same, on paper
    TORCH = "torch"  # a program of torch.export, zipped with its example
    TIMM = "timm"  # safetensors in a folder that timm loads, zipped with its example


@dataclass(frozen=True, slots=True)
class Package:
    """A model in one form, made in the background when somebody asks for it."""

    model_id: int
    kind: PackageKind
    folder: str  # of the model as it was asked about; an instant model that was fitted anew has another
    pending: bool
    at: float | None  # when it was finished
    problem: str | None  # a sentence: why there is none
    certificate: dict[str, Any]  # `core.packing.certificates.Certificate`, or empty


class Method(StrEnum):
    """A way to ask a network why it says a label of a picture."""

    HEAT = "heat"  # class activation, or Grad-CAM where the last layers want the whole picture
    INTEGRATED = "integrated"  # integrated gradients
    OCCLUSION = "occlusion"
    SHAP = "shap"  # expected gradients against pictures it may have learned from
    LIME = "lime"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which parts of a picture spoke for a label and which against it, worked out in the background when asked for."""

    id: int
    model_id: int
    folder: str  # of the model as it was asked about; an instant model that was fitted anew has another
    sha256: str
    method: Method
    label: str  # that is explained; '': the one the model finds most likely
    pending: bool
    at: float | None  # when it was finished
    progress: float | None  # 0..1 while it is worked out, else None
    problem: str | None  # a sentence: why there is none
    content: dict[str, Any]  # `core.explanations.Map`, packed; empty until it is there


class IncomingState(StrEnum):
    RECEIVING = "receiving"
    WAITING = "waiting"  # for the surveyor
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Incoming:
    """The bundle of a model from another Darkroom, on its way in."""

    id: int
    name: str  # of the file, as people call it
    dataset_id: int | None  # that the model is to answer for; None: one is made
    dataset_name: str  # of it, or of the one to make; empty: as the bundle says
    who: str
    created_at: float
    state: IncomingState
    problem: str | None  # a sentence, when refused
    model_id: int | None  # once it is done


@dataclass(frozen=True, slots=True)
class Service:
    name: str  # scheduler, indexer, predictor, surveyor, explainer ...
    heartbeat_at: float
    detail: dict[str, Any] = field(default_factory=dict)
