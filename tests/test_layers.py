"""Which layer may know what. This table is the architecture document: a name outside its layer fails the build."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Folder or file -> the guarded names it may import; the first match counts.
MAY_IMPORT: dict[str, set[str]] = {
    "core/learning": {"torch", "torchvision", "timm", "onnx", "safetensors", "captum"},
    "core/trainer.py": {"torch"},  # where torch and storage meet
    "core/scheduler.py": {"filelock"},  # there is one
    "core/predictor.py": {"multiprocessing"},  # the other end of the wire
    "core/proposing.py": {"optuna"},  # what a search tries next
    "core/graphs.py": {"onnx"},
    "core/bundles.py": {"safetensors"},
    "core/imaging": {"PIL", "pillow_heif", "subprocess"},  # its decoding children
    "core/index": {"onnxruntime", "sklearn", "scipy"},
    "core/packing": {"onnxruntime", "onnx", "fpdf", "pymupdf_fonts", "noto_cjk_sans_jp_regular"},
    "core/storage": {"sqlalchemy", "sqlite3"},
    "core/running": {"subprocess", "multiprocessing", "psutil", "filelock"},  # multiprocessing: the predictor's wire
    "core/serving": {"starlette"},
    "core/serving/server.py": {"uvicorn"},
    "core": set(),
    "pages": {"streamlit", "plotly"},
    "app.py": {"streamlit"},
}
GUARDED = {
    *("streamlit", "plotly", "starlette", "uvicorn", "torch", "torchvision", "timm", "sqlalchemy", "sqlite3"),
    *("subprocess", "multiprocessing", "psutil", "filelock", "ray", "onnxruntime", "onnx", "sklearn", "scipy"),
    *("fpdf", "pymupdf_fonts", "noto_cjk_sans_jp_regular"),
    *("PIL", "pillow_heif", "safetensors", "optuna", "captum", "matplotlib", "pickle", "joblib", "requests", "httpx2"),
}
# Rooms of core that a room may not look into, whatever they import themselves.
CLOSED_ROOMS: dict[str, set[str]] = {
    "core/learning": {"core.storage", "core.running", "core.serving"},
    "core/imaging": {"core.storage", "core.running", "core.serving", "core.learning", "core.index"},
    "core/index": {"core.storage", "core.running", "core.serving", "core.learning"},
    "core/packing": {"core.storage", "core.running", "core.serving", "core.learning"},
    "core/storage": {"core.running", "core.serving", "core.learning", "core.index", "core.imaging"},
    "core/running": {"core.serving", "core.learning"},
    "core/serving": {"core.storage", "core.running", "core.learning", "core.index", "core.imaging", "core.embedded"},
    "pages/parts": {"core.storage", "core.running", "core.serving", "core.learning", "core.imaging", "core.embedded"},
    "pages": {"core.storage", "core.running", "core.serving", "core.learning", "core.imaging", "core.index"},
}
FILES = sorted(
    path.relative_to(ROOT)
    for path in [ROOT / "app.py", *(ROOT / "core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
)


@cache
def imported(path: Path) -> set[str]:
    """Dotted names imported anywhere in the file, inside functions too; `from a import b` counts as a and a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written whole"
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def place_of(path: Path, table: dict[str, set[str]]) -> str | None:
    """The most particular row of the table that holds for the path."""
    return max((place for place in table if path.is_relative_to(place)), key=len, default=None)


def below(names: set[str], rooms: set[str]) -> set[str]:
    return {name for name in names if any(name == room or name.startswith(f"{room}.") for room in rooms)}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_imports_only_what_its_layer_may(path: Path) -> None:
    place = place_of(path, MAY_IMPORT)
    assert place is not None
    names = {name.split(".")[0] for name in imported(ROOT / path)}
    inherited = MAY_IMPORT["core/serving"] if place.startswith("core/serving/") else set()
    assert names & GUARDED <= MAY_IMPORT[place] | inherited


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_room_does_not_look_into_a_closed_one(path: Path) -> None:
    place = place_of(path, CLOSED_ROOMS)
    assert not below(imported(ROOT / path), CLOSED_ROOMS[place] if place else set())


@pytest.mark.parametrize("path", [path for path in FILES if path.is_relative_to("core")], ids=str)
def test_core_knows_no_screen(path: Path) -> None:
    assert not below(imported(ROOT / path), {"pages", "app"})


@pytest.mark.parametrize("path", [path for path in FILES if path.is_relative_to("pages/parts")], ids=str)
def test_a_part_draws_what_it_is_handed_and_never_asks_the_studio(path: Path) -> None:
    assert not {name for name in imported(ROOT / path) if name.endswith(".Studio") or name == "pages.studio"}


@pytest.mark.parametrize("path", [path for path in FILES if path.is_relative_to("core")], ids=str)
def test_only_the_entry_points_open_a_studio(path: Path) -> None:
    entry_points = {
        "indexer",
        "surveyor",
        "searcher",
        "explainer",
        "predictor",
        "trainer",
        "scheduler",
        "embedded",
        "commands",
        "__main__",
    }
    if path.parts[1].removesuffix(".py") in entry_points:
        return
    assert not below(imported(ROOT / path), {"core.embedded"})


def test_the_web_process_imports_neither_torch_nor_a_model_nor_a_decoder(tmp_path: Path) -> None:
    program = "import app, sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": "", "HOME": str(tmp_path), "DARKROOM_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = set(done.stdout.split())
    assert "streamlit" in loaded and "sqlalchemy" in loaded
    # Streamlit itself brings PIL and pandas; everything that learns, answers or decodes stays outside.
    assert not loaded & {"torch", "torchvision", "timm", "onnxruntime", "onnx", "sklearn", "pillow_heif", "optuna"}
