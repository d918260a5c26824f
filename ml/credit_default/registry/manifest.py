"""Names the bytes of a whole model directory by one digest."""

import hashlib
from pathlib import Path


def digest(directory: Path) -> str:
    """SHA-256 (hex) over one line a file, `<its SHA-256> <size in bytes> <path>` and LF, sorted by path in byte order.

    Paths are relative to the directory, with forward slashes. The service computes the same of what it downloads, and
    serves no version whose `sha256` tag says otherwise.
    """
    files = {file.relative_to(directory).as_posix(): file for file in directory.rglob("*") if file.is_file()}
    lines = [_line(path, files[path].read_bytes()) for path in sorted(files, key=str.encode)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _line(path: str, content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()} {len(content)} {path}\n"
