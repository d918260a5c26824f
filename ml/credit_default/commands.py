"""How the commands of this package are called, for messages that people paste."""

import os
import shlex
import sys
from pathlib import Path

_EVALUATE = Path(__file__).resolve().parents[1] / "evaluate.py"


def option(name: str, value: str) -> str:
    """`--data FILE`, or `DATA=FILE` where the command was called by make."""
    return f"{_variable(name)}={value}" if _by_make() else f"--{name} {value}"


def promotion(name: str, version: str | int, data: Path | None) -> str:
    """What to run to have a version go live, `data` being the file that this command was given."""
    options = {"name": name, "version": str(version), **({"data": str(data)} if data else {})}
    if _by_make():
        return shlex.join(["make", "promote", *(f"{_variable(key)}={value}" for key, value in options.items())])
    command = [_shown(Path(sys.executable)), _shown(_EVALUATE), "--promote"]
    return shlex.join([*command, *(word for key, value in options.items() for word in (f"--{key}", value))])


def _by_make() -> bool:
    return "MAKELEVEL" in os.environ


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
