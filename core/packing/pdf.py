"""The report on paper: A4, two sheets as a rule, with its fonts inside.

Names are written in FiraGO (Latin, Cyrillic, Greek, Georgian, Arabic, Hebrew, Thai ...), Chinese, Japanese and Korean
in Noto Sans CJK. A character that neither has is an empty box. Letters are joined, and lines run from right to left,
where their script wants it: HarfBuzz shapes every line.
"""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import noto_cjk_sans_jp_regular
import pymupdf_fonts
from fpdf import FPDF
from fpdf.fonts import TTFFont

from core.errors import StudioError
from core.packing import report
from core.packing.report import HEAD, Print, Report
from core.records import Model
from core.studio import Studio
from core.words import share

WIDTH, HEIGHT, MARGIN, FOOT = 210.0, 297.0, 16.0, 18.0  # mm, as everything below
INNER = WIDTH - 2 * MARGIN
COLUMNS, GAP = 6, 4.0  # of a sheet of pictures
CELL = (INNER - (COLUMNS - 1) * GAP) / COLUMNS
LONG = 24  # characters of a fact that has a line to itself
LABELS = 16  # rows, so that two sheets hold everything
TEXT, QUIET, LINE, SURFACE, ACCENT = (29, 26, 23), (95, 87, 78), (221, 212, 198), (239, 233, 223), (184, 58, 36)
SANS, CJK = "sans", "cjk"
BOX = "\u25a1"

logging.getLogger("fontTools").setLevel(logging.ERROR)  # it counts the glyphs it leaves out


def write(studio: Studio, model: Model) -> bytes:
    """The PDF. Raises NotFound when the model has no scores on disk."""
    told = report.gather(studio, model, LABELS)
    return draw(told, _pictures(studio, [*told.examples, *told.mistakes]))


def draw(told: Report, pictures: Mapping[str, bytes]) -> bytes:
    """The PDF of a report. `pictures`: by sha256, as PNG; one that is missing leaves its place white."""
    with tempfile.TemporaryDirectory(prefix="darkroom-") as scratch:
        paper = _Paper(Path(scratch))
        paper.set_title(told.title)
        paper.set_creator("Darkroom")
        paper.add_page()
        _top(paper, told)
        paper.head("What it tells apart")
        _sheet(paper, told.examples, pictures)
        paper.head("Label by label")
        _table(paper, told)
        paper.head("Where it fails")
        paper.words(told.failing, QUIET)
        _sheet(paper, told.mistakes, pictures)
        paper.head("Data and settings")
        _facts(paper, told)
        return bytes(paper.output())


class _Paper(FPDF):
    """A4 with our fonts and our foot."""

    def __init__(self, scratch: Path) -> None:
        super().__init__()
        for style, name in (("", "figo"), ("B", "figbo")):
            (scratch / f"{name}.ttf").write_bytes(pymupdf_fonts.fontbuffers[name]())
            self.add_font(SANS, style, scratch / f"{name}.ttf")
        self.add_font(CJK, "", str(noto_cjk_sans_jp_regular.FONT_PATH))
        self.set_fallback_fonts([CJK], exact_match=False)
        self.set_text_shaping(True)
        self._known = {letter for font in self.fonts.values() if isinstance(font, TTFFont) for letter in font.cmap}
        self.set_margins(MARGIN, MARGIN)
        self.c_margin = 0
        self.set_auto_page_break(True, FOOT)

    def footer(self) -> None:
        self.set_y(-12)
        self.ink(QUIET, 8)
        self.cell(INNER, 4, f"Darkroom, page {self.page_no()}", align="R")

    def ink(self, colour: tuple[int, int, int], size: float, style: str = "") -> None:
        self.set_text_color(*colour)
        self.set_font(SANS, style, size)

    def known(self, text: str) -> str:
        """The text with an empty box for what no font has."""
        return "".join(one if ord(one) in self._known else BOX for one in text)

    def fitting(self, text: str, width: float, end: str = "") -> str:
        """On one line of that width, cut with an ellipsis where it must be, but never `end`."""
        text = self.known(" ".join(text.split()))
        if self.get_string_width(text + end) <= width:
            return text + end
        while text and self.get_string_width(f"{text}…{end}") > width:
            text = text[:-1]
        return f"{text}…{end}"

    def words(self, text: str, colour: tuple[int, int, int] = TEXT, size: float = 10.5) -> None:
        self.ink(colour, size)
        self.multi_cell(INNER, size * 0.5, self.known(text), new_x="LMARGIN", new_y="NEXT", align="L")

    def room(self, height: float) -> None:
        """A new sheet where this one has less left."""
        if self.get_y() + height > HEIGHT - FOOT:
            self.add_page()

    def head(self, text: str) -> None:
        self.room(40)  # a head alone at the foot of a sheet says nothing
        self.ln(5)
        self.ink(TEXT, 13, "B")
        self.cell(INNER, 7, text, new_x="LMARGIN", new_y="NEXT")
        self.ln(1)


def _top(paper: _Paper, told: Report) -> None:
    paper.ink(TEXT, 24, "B")
    paper.multi_cell(INNER, 10, paper.known(told.title), new_x="LMARGIN", new_y="NEXT", align="L")
    paper.words(told.made, QUIET)
    paper.ln(3)
    paper.ink(ACCENT, 40, "B")
    paper.cell(INNER, 16, told.figure, new_x="LMARGIN", new_y="NEXT")
    low, high = told.interval
    left, top = paper.get_x(), paper.get_y() + 2
    for start, end, colour in ((0.0, 1.0, SURFACE), (low, high, (220, 160, 148))):
        paper.set_fill_color(*colour)
        paper.rect(left + start * INNER, top, max((end - start) * INNER, 0.3), 3, "F")
    paper.set_fill_color(*ACCENT)
    paper.rect(left + told.accuracy * INNER - 0.4, top - 0.8, 0.8, 4.6, "F")
    paper.set_y(top + 6)
    for one in told.sentences:
        paper.words(one)


def _sheet(paper: _Paper, prints: Sequence[Print], pictures: Mapping[str, bytes]) -> None:
    """Prints on white with their words, in rows."""
    height = CELL + 9
    for start in range(0, len(prints), COLUMNS):
        paper.room(height)
        top = paper.get_y() + 1
        for at, one in enumerate(prints[start : start + COLUMNS]):
            _print(paper, one, pictures.get(one.image.sha256), MARGIN + at * (CELL + GAP), top)
        paper.set_xy(MARGIN, top + height)


def _print(paper: _Paper, one: Print, picture: bytes | None, left: float, top: float) -> None:
    paper.set_draw_color(*LINE)
    paper.set_fill_color(255, 255, 255)
    paper.rect(left, top, CELL, CELL, "DF")
    if picture is not None:
        inside = CELL - 2
        paper.image(
            io.BytesIO(picture),
            left + 1,
            top + 1,
            inside,
            inside,
            keep_aspect_ratio=True,
            alt_text=paper.known(one.words),
        )
    paper.ink(QUIET, 7.5)
    lines = [(one.label, "")]
    if one.said:
        lines.append((f"called {one.said}", f" {share(one.confidence)}"))
    for line, (text, end) in enumerate(lines):
        paper.set_xy(left, top + CELL + 1 + 3.4 * line)
        paper.cell(CELL, 3.4, paper.fitting(text, CELL, end))


def _table(paper: _Paper, told: Report) -> None:
    widths = (INNER - 105, 30.0, 30.0, 45.0)
    _row(paper, HEAD, widths, QUIET, "B")
    for row in told.labels:
        paper.room(6)
        _row(paper, row, widths, TEXT)
    if said := report.left_out(told):
        paper.words(said, QUIET, 9)


def _row(
    paper: _Paper, cells: Sequence[str], widths: Sequence[float], colour: tuple[int, int, int], style: str = ""
) -> None:
    paper.ink(colour, 9.5, style)
    paper.set_draw_color(*LINE)
    for at, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        paper.cell(width, 6, paper.fitting(cell, width - 2), border="B", align="R" if at else "L")
    paper.ln(6)


def _facts(paper: _Paper, told: Report) -> None:
    """Two to a line: there are two dozen, and each is short."""
    lines: list[list[tuple[str, str]]] = []
    for name, value in told.facts.items():
        if len(value) > LONG or not lines or len(lines[-1]) == 2 or len(lines[-1][0][1]) > LONG:
            lines.append([])
        lines[-1].append((name, value))
    half = (INNER - GAP) / 2
    for line in lines:
        paper.room(6)
        top = paper.get_y()
        for at, fact in enumerate(line):
            paper.set_xy(MARGIN + at * (half + GAP), top)
            _row(paper, fact, (40, (INNER if len(fact[1]) > LONG else half) - 40), TEXT)


def _pictures(studio: Studio, prints: Sequence[Print]) -> dict[str, bytes]:
    """By sha256, as PNG. One whose thumbnail is not drawn yet is left out."""
    found = {}
    for one in prints:
        try:
            found[one.image.sha256] = studio.decoder.png(studio.files.thumb(one.image.sha256))
        except (OSError, StudioError):
            continue
    return found
