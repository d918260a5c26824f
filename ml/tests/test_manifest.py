from pathlib import Path

import pytest

from credit_default.registry import manifest

# In byte order; by UTF-16 units, as JavaScript sorts, or with "/" before "-", the order would be another.
FILES = {
    "MLmodel": b"flavors: {}\n",
    "data-1": b"x",
    "data/empty": b"",
    "data/é/ｆ": b"y",  # noqa: RUF001 -- U+FF46 sorts before U+1D54F by bytes only
    "data/é/𝕏": b"z",  # noqa: RUF001
    "model.onnx": b"\0\1\2",
}
# By sha256sum and sort; the service's specs hold the same files and digest.
DIGEST = "6d4ec406c0c7c315b08784427373ff087cc4af62a96afa6d9f20f70590906b7b"


def write(directory: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(content)
    return directory


def test_gives_the_digest_that_the_service_computes(tmp_path: Path) -> None:
    assert manifest.digest(write(tmp_path, FILES)) == DIGEST


def test_is_of_the_files_wherever_they_lie(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    assert manifest.digest(write(tmp_path / "elsewhere", FILES)) == DIGEST


@pytest.mark.parametrize(
    "changed",
    [
        FILES | {"model.onnx": b"\0\1\3"},
        FILES | {"more": b""},
        {path: content for path, content in FILES.items() if path != "data/empty"},
        {path.replace("data-1", "data-2"): content for path, content in FILES.items()},
    ],
    ids=["a byte", "a file more", "a file less", "a name"],
)
def test_differs_for_a_change_of(changed: dict[str, bytes], tmp_path: Path) -> None:
    assert manifest.digest(write(tmp_path, changed)) != DIGEST
