"""The vector file keeps what it acknowledged and forgets what nobody named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import StudioError
from core.index.vector_file import ROW_BYTES, WIDTH, LocalVectorFile
from core.ports import Vectors


def some(*values: float) -> Vectors:
    """One row a value, each filled with it."""
    return np.repeat(np.array(values, np.float32)[:, None], WIDTH, axis=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vectors.f32"


def test_rows_are_read_back_in_the_order_asked_for(path: Path) -> None:
    file = LocalVectorFile(path)
    file.append(0, some(1, 2))
    file.append(2, some(3))
    np.testing.assert_array_equal(file.read([2, 0, 2]), some(3, 1, 3))


def test_no_rows_are_an_empty_array_even_without_a_file(path: Path) -> None:
    assert LocalVectorFile(path).read([]).shape == (0, WIDTH)


def test_a_reader_sees_rows_that_another_process_appended_later(path: Path) -> None:
    writer, reader = LocalVectorFile(path), LocalVectorFile(path)
    writer.append(0, some(1))
    reader.read([0])
    writer.append(1, some(2))
    np.testing.assert_array_equal(reader.read([1]), some(2))


def test_a_torn_tail_is_overwritten_and_never_read(path: Path) -> None:
    LocalVectorFile(path).append(0, some(1))
    with path.open("ab") as file:
        file.write(b"\xff" * (ROW_BYTES // 2))  # a writer was killed in mid-row
    after = LocalVectorFile(path)
    with pytest.raises(StudioError, match="shorter"):
        after.read([1])
    after.append(1, some(2))
    np.testing.assert_array_equal(after.read([0, 1]), some(1, 2))


def test_rows_nobody_named_are_overwritten(path: Path) -> None:
    file = LocalVectorFile(path)
    file.append(0, some(1, 8, 9))  # killed before the store named rows 1 and 2
    file.append(1, some(2))
    np.testing.assert_array_equal(file.read([0, 1]), some(1, 2))


def test_a_file_that_lost_rows_refuses_instead_of_inventing_zeros(path: Path) -> None:
    with pytest.raises(StudioError, match="shorter"):
        LocalVectorFile(path).append(5, some(1))


def test_what_was_read_does_not_change_when_the_file_does(path: Path) -> None:
    file = LocalVectorFile(path)
    file.append(0, some(1))
    before = file.read([0])
    file.append(0, some(2))
    np.testing.assert_array_equal(before, some(1))


def test_a_product_is_that_of_the_rows_asked_for_wherever_they_lie(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.index.vector_file.BLOCK", 16)
    rng = np.random.default_rng(0)
    content, matrix = rng.normal(0, 1, (200, WIDTH)).astype(np.float32), rng.normal(0, 1, (WIDTH, 3)).astype(np.float32)
    file = LocalVectorFile(path)
    file.append(0, content)
    for rows in (range(200), range(40, 90), rng.permutation(200), rng.integers(0, 200, 30), [199, 0, 7, 7], []):
        wanted = [int(row) for row in rows]
        np.testing.assert_allclose(file.times(wanted, matrix), content[wanted] @ matrix, rtol=1e-4, atol=1e-4)
    with pytest.raises(StudioError):
        file.times([200], matrix)
