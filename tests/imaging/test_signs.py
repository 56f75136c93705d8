"""The sample set: the same every time, readable by our own gate, and not told apart by colour."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.imaging.pool import DecoderPool
from core.imaging.sign_faces import LABELS, draw_face
from core.imaging.signs import draw_samples

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    draw_samples(folder, per_label=6, held_back=10)
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.jpg"))
    }


def test_each_label_has_its_folder_and_held_back_pictures_lie_apart(samples: Path) -> None:
    assert sorted(path.name for path in (samples / "train").iterdir()) == sorted(LABELS)
    assert all(len(list(folder.iterdir())) == 6 for folder in (samples / "train").iterdir())
    assert len(list((samples / "held_back").iterdir())) == 10
    assert len(LABELS) >= 6


def test_no_two_pictures_are_alike_and_another_seed_draws_others(samples: Path, tmp_path: Path) -> None:
    draw_samples(tmp_path, seed=8, per_label=1, held_back=0)
    found = [*digests(samples).values(), *digests(tmp_path).values()]
    assert len(set(found)) == len(found)


def test_the_gate_accepts_every_sample(samples: Path, pool: DecoderPool) -> None:
    paths = list(samples.rglob("*.jpg"))
    answers = list(pool.check(paths))
    assert len(answers) == len(paths)
    assert all(answer.accepted and 160 <= answer.width <= 224 for answer in answers)


def test_mean_colour_does_not_tell_the_labels_apart(samples: Path) -> None:
    """The nearest other picture by mean colour has the same label hardly more often than chance would have it."""
    paths = sorted((samples / "train").rglob("*.jpg"))
    means = []
    for path in paths:
        with Image.open(path) as image:
            means.append(np.asarray(image).mean(axis=(0, 1)))
    apart = np.linalg.norm(np.array(means)[:, None] - np.array(means)[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    same = [paths[at].parent == paths[int(nearest)].parent for at, nearest in enumerate(apart.argmin(axis=1))]
    assert np.mean(same) < 0.4


def test_every_face_is_drawn_whole_on_a_clear_ground() -> None:
    for label in LABELS:
        alpha = np.asarray(draw_face(label))[..., 3]
        assert 0.3 < (alpha > 0).mean() < 0.99, label
        assert alpha[0, 0] == 0, label


def test_the_command_draws_the_same_pictures(samples: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "core.imaging.signs", str(tmp_path), "--per-label", "6", "--held-back", "10"]
    subprocess.run(command, cwd=ROOT, check=True)
    assert digests(tmp_path) == digests(samples)
