"""Import: against a bare loop that only decodes and hashes, and at three sizes.

    python benchmarks/data.py import [--count 2000] [--sizes 2000 20000 100000] [--trials 3]

The bare loop and the import take turns on the same pictures, on all cores, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import psutil

from benchmarks import worlds

KINDS = {  # name -> (width, height, quality, share of the count): a phone's photo, a web picture, a small one
    "photos of 12 megapixels": (4000, 3000, 85, 0.03),
    "pictures of 640 x 480": (640, 480, 85, 1.0),
    "pictures of 96 x 96": (96, 96, 85, 1.0),
}
LABELS = 10


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--sizes", type=int, nargs="*", default=[2000, 20_000, 100_000])


def run(wish: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-") as scratch:
        for name, (width, height, quality, share) in KINDS.items():
            folder = draw(Path(scratch) / name, max(int(wish.count * share), 20), (width, height), quality)
            _against_bare(folder, name, wish.trials, Path(scratch))
        for name in ("trash5",):
            _against_bare(worlds.unpack(name, Path(scratch)), name, wish.trials, Path(scratch))
        _sizes(wish.sizes, Path(scratch))


def _against_bare(folder: Path, name: str, trials: int, scratch: Path) -> None:
    files = worlds.pictures(folder)
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    ratios, speeds = [], []
    for trial in range(trials):
        bare_s = decode_and_hash(files)
        import_s, _ = import_alone(folder, scratch / f"home {name} {trial}")
        ratios.append(bare_s / import_s)
        speeds.append(len(files) / import_s)
    print(
        f"import of {len(files):,} {name} ({megabytes:.0f} MB): {statistics.median(speeds):.0f} pictures/s, median "
        f"{statistics.median(ratios):.2f} x a bare decode-and-hash loop ({min(ratios):.2f} to {max(ratios):.2f})"
    )


def _sizes(sizes: Sequence[int], scratch: Path) -> None:
    first = 0.0
    for size in sizes:
        folder = draw(scratch / f"small {size}", size, (64, 64), 80)
        import_s, peak_mb = import_alone(folder, scratch / f"home {size}")
        first = first or import_s / size
        print(
            f"import of {size:,} pictures of 64 x 64: {import_s:.1f} s, {size / import_s:.0f} pictures/s, "
            f"{import_s / size / first:.2f} x the time a picture of the smallest, {peak_mb:.0f} MB at the peak"
        )


def decode_and_hash(files: Sequence[Path]) -> float:
    """Seconds of a bare loop on all cores that hashes and decodes each picture, and nothing else."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        sum(pool.map(_ready, range(64)))  # the processes have started
        began_s = time.perf_counter()
        sum(pool.map(_decode, files, chunksize=16))
        return time.perf_counter() - began_s


def _ready(_: int) -> int:
    from PIL import Image

    Image.init()
    return 1


def _decode(file: Path) -> int:
    from PIL import Image

    data = file.read_bytes()
    hashlib.sha256(data).digest()
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
    return 1


_ALONE = """
import resource, sys, time
from pathlib import Path
from core import uploads
from core.embedded import open_studio
studio = open_studio()
for _ in range(3):
    list(studio.decoder.resized([Path(sys.argv[1]) / sys.argv[2]] * 20, 8))  # the children have started
began = time.perf_counter()
uploads.import_path(studio, Path(sys.argv[1]), "pictures")
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
studio.decoder.close()
"""


def import_alone(folder: Path, home: Path) -> tuple[float, float]:
    """(seconds, MB of the importing process at its peak) of one import in a process of its own."""
    one = worlds.pictures(folder)[0].relative_to(folder)
    done = subprocess.run(
        [sys.executable, "-c", _ALONE, str(folder), str(one)],
        cwd=worlds.ROOT,
        env={**os.environ, "DARKROOM_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds, peak_mb = (float(word) for word in done.stdout.split())
    return seconds, peak_mb


def draw(folder: Path, count: int, size: tuple[int, int], quality: int) -> Path:
    """folder/LABEL/n.jpg: noise smoothed to what photographs look like, each different."""
    from PIL import Image

    chance = np.random.default_rng(1)
    width, height = size
    grain = chance.integers(0, 255, (max(height // 8, 4), max(width // 8, 4), 3), np.uint8)
    base = Image.fromarray(grain).resize(size, Image.Resampling.BICUBIC)
    target = io.BytesIO()
    base.save(target, "JPEG", quality=quality)
    bytes_, end = target.getvalue(), target.getvalue().rfind(b"\xff\xd9")
    for number in range(count):
        path = folder / f"label {number % LABELS}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        # A comment makes it another file; the pixels may be the same.
        comment = number.to_bytes(8, "big").hex().encode()
        path.write_bytes(
            bytes_[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + bytes_[2:end] + b"\xff\xd9"
        )
    return folder


def rss_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / 1e6
