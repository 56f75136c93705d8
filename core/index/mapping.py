"""A map of the pictures: alike ones stand together. The survey of kind "map".

PCA to 50 numbers, t-SNE (van der Maaten, Barnes-Hut) of some thousand pictures, the landmarks, and each other picture
where the landmarks most like it stand. The landmarks are those with the lowest hashes, so that added pictures hardly
change them. Positions that are known stay: a few new pictures are put among them, many begin from them.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core import maps
from core.errors import Refused
from core.records import Dataset
from core.stores import Indexed
from core.studio import Studio

LANDMARKS = 4000
PARTS = 50  # numbers a picture is compared by
PERPLEXITY = 30.0  # how many neighbours a picture keeps close
FEW = 0.25  # new pictures, as a share of those laid out together, that are put among the others
READ = 4096  # vectors at a time
NEAR = 6  # landmarks that say where a picture stands
LEAST = 3
ASK_S = 0.2  # between two looks whether anybody wants the map still
STAGES = ((12.0, 250), (1.0, 500))  # exaggeration, iterations; the first parts the groups
AGAIN = ((1.0, 300),)  # from known positions: nothing is torn apart

Floats = NDArray[np.float32]
Tell = Callable[[float], None]


def compute(studio: Studio, dataset: Dataset, tell: Tell) -> Mapping[str, Any]:
    """Writes the positions beside the survey and names their file. Raises Refused: too few pictures."""
    # Threads that meet at every step lose everything on a busy machine: 120 pictures took 20 s on two, 0.7 s on one.
    with threadpool_limits(1):
        return _compute(studio, dataset, tell)


def _compute(studio: Studio, dataset: Dataset, tell: Tell) -> Mapping[str, Any]:
    indexed = studio.store.vectors.indexed(dataset.id)
    if len(indexed.ids) < LEAST:
        raise Refused(f"A map needs {LEAST} pictures. Add some more.", "few_pictures")
    before = maps.read(studio, dataset.id)
    at = before.of(indexed.ids) if before is not None else np.full((len(indexed.ids), 2), np.nan, np.float32)
    new = np.isnan(at[:, 0])
    laid = before.laid if before is not None else 0
    if new.any():
        parts = _parts(studio, indexed, tell)
        landmarks = _landmarks(indexed)
        fresh = len(new) - laid > FEW * max(laid, 1) or new.all()
        if fresh:
            at[landmarks] = _lay_out(parts[landmarks], _begin(parts, at, landmarks), not new.all(), tell)
            laid, new = len(new), np.ones(len(new), bool)
            new[landmarks] = False
        known = landmarks[~new[landmarks]] if (~new[landmarks]).sum() >= LEAST else np.flatnonzero(~new)
        at[new] = _among(parts[new], parts[known], at[known], [indexed.sha256s[i] for i in np.flatnonzero(new)])
    tell(0.99)
    name = f"map-{dataset.id}-{dataset.labels_revision}.npz"
    content = io.BytesIO()
    np.savez(content, ids=indexed.ids, at=at)
    studio.files.write(studio.files.survey(name), content.getvalue())
    maps.sweep(studio, dataset.id, name)
    return {"file": name, "pictures": len(at), "laid": laid}


def _landmarks(indexed: Indexed) -> NDArray[np.int64]:
    if len(indexed.ids) <= LANDMARKS:
        return np.arange(len(indexed.ids))
    return np.sort(np.argsort(np.array(indexed.sha256s), kind="stable")[:LANDMARKS])


def _parts(studio: Studio, indexed: Indexed, tell: Tell) -> Floats:
    """(N, <= PARTS): the directions of the vectors along those in which the landmarks differ most."""
    sample = _directions(studio, indexed.rows[_landmarks(indexed)])
    centre = sample.mean(axis=0)
    count = min(PARTS, *sample.shape)
    sample -= centre
    if len(sample) < sample.shape[1]:
        basis = np.ascontiguousarray(np.linalg.svd(sample, full_matrices=False)[2][:count].T)
    else:  # the covariance is 1,280 x 1,280 however many pictures there are
        basis = np.linalg.eigh(sample.T @ sample)[1][:, ::-1][:, :count].astype(np.float32)
    basis *= np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(count)])  # either sign would do: always the same
    found = np.empty((len(indexed.rows), count), np.float32)
    for start in range(0, len(indexed.rows), READ):
        some = slice(start, start + READ)
        found[some] = (_directions(studio, indexed.rows[some]) - centre) @ basis
        tell(0.05 + 0.1 * start / len(indexed.rows))
    return found


def _directions(studio: Studio, rows: NDArray[np.int64]) -> Floats:
    vectors: Floats = studio.vectors.read(rows.tolist())
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return vectors


def _begin(parts: Floats, at: Floats, landmarks: NDArray[np.int64]) -> Floats:
    """Where the landmarks stand before they are laid out: where they stood, else along the first two parts."""
    known = landmarks[~np.isnan(at[landmarks, 0])]
    if len(known) < LEAST:
        flat = np.zeros((len(landmarks), 2), np.float32)
        flat[:, : parts.shape[1]] = parts[landmarks, :2]
        return (flat / max(float(flat[:, 0].std()), 1e-12) * 1e-4).astype(np.float32)
    begin = at[landmarks].copy()
    missing = np.isnan(begin[:, 0])
    begin[missing] = _among(
        parts[landmarks[missing]], parts[known], at[known], [f"{i:08x}" for i in landmarks[missing]]
    )
    return begin


def _lay_out(parts: Floats, begin: Floats, again: bool, tell: Tell) -> Floats:
    from sklearn.manifold import TSNE  # half a second that only a map is worth

    stages = AGAIN if again else STAGES
    for number, (exaggeration, iterations) in enumerate(stages):
        tell(0.15 + 0.7 * number / len(stages))
        stage = TSNE(
            perplexity=min(PERPLEXITY, max(1.0, (len(parts) - 1) / 3)),
            early_exaggeration=exaggeration,
            max_iter=iterations,
            init=begin,
            random_state=0,
        )
        begin = _watched(partial(stage.fit_transform, parts), partial(tell, 0.15 + 0.7 * number / len(stages)))
    return np.asarray(begin, np.float32)


def _watched(work: Callable[[], Floats], tell: Callable[[], None]) -> Floats:
    """What `work` gives, which asks nobody on its way. `tell` is asked meanwhile; where it raises, nobody waits for
    the work any more, and it ends with the process."""
    found: Future[Floats] = Future()

    def run() -> None:
        try:
            with threadpool_limits(1):  # it holds for a thread
                found.set_result(work())
        except Exception as error:  # noqa: BLE001 it is raised where the result is waited for
            found.set_exception(error)

    threading.Thread(target=run, name="map", daemon=True).start()
    while not wait([found], ASK_S).done:
        tell()
    return found.result()


def _among(parts: Floats, known: Floats, at: Floats, names: list[str]) -> Floats:
    """Where pictures stand among known ones: by those most like them, the likest counting most."""
    from sklearn.neighbors import NearestNeighbors

    if not len(parts):
        return np.empty((0, 2), np.float32)
    distances, near = NearestNeighbors(n_neighbors=min(NEAR, len(known))).fit(known).kneighbors(parts)
    # Neighbours in another group of the map would draw the picture into the empty space between the two.
    reach = 0.05 * float(np.ptp(at, axis=0).max())
    close = np.linalg.norm(at[near] - at[near[:, :1]], axis=2) <= reach
    weights = close / np.maximum(distances, 1e-6) ** 2
    place = (at[near] * weights[:, :, None]).sum(axis=1) / weights.sum(axis=1, keepdims=True)
    drawn = np.array([[int(name[:4], 16), int(name[4:8], 16)] for name in names]) / 65535 - 0.5
    apart: Floats = (place + drawn * reach * 0.1).astype(np.float32)  # what stands at one place would be one point
    return apart
