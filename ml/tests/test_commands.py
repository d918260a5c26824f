import shlex
import subprocess
from pathlib import Path

import pytest

from credit_default import commands

ROOT = Path(__file__).parents[2]


def test_names_a_command_that_can_be_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    command = commands.promotion("my loans", "2", Path("a b.csv"))

    words = shlex.split(command)
    assert words[1:] == ["ml/evaluate.py", "--promote", "--name", "my loans", "--version", "2", "--data", "a b.csv"]
    shown = subprocess.run(shlex.join([*words[:2], "--help"]), shell=True, check=False, capture_output=True, text=True)
    assert "--promote" in shown.stdout


def test_names_a_target_where_make_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKELEVEL", "1")

    assert commands.promotion("loans", "2", Path("a.csv")) == "make promote NAME=loans VERSION=2 DATA=a.csv"
    assert commands.promotion("loans", "2", None) == "make promote NAME=loans VERSION=2"
    assert commands.option("data", "FILE") == "DATA=FILE"
