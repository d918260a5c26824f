"""What the service must refuse is not registered: the same verdicts on the models of docs/exporters.md."""

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from credit_default import contract
from credit_default.refused import RefusedModelError

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "test" / "fixtures" / "exporters"
DOCUMENT: dict[str, Any] = json.loads((FIXTURES / "cases.json").read_text())
MODELS = ROOT / "test" / "fixtures" / "models"
# By heading; those below `Served` must be served as they are. One never ends, so it is left out.
FIXTURES_BY_HEADING = {
    section.splitlines()[0]: set(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE)) - {"endless"}
    for section in (MODELS / "README.md").read_text().split("\n## ")[1:]
}
SERVED = FIXTURES_BY_HEADING["Served"]
REFUSED = set().union(*FIXTURES_BY_HEADING.values()) - SERVED
GRAPHS = {graph["name"]: graph for graph in DOCUMENT["graphs"]}


def name_of(case: dict[str, Any]) -> str:
    return f"{case['graph']}, {case['signature']}, {' '.join((case['metadata'] or {}).get('credit_default', {}))}"


def write(case: dict[str, Any], directory: Path) -> Path:
    (directory / "model.onnx").write_bytes((FIXTURES / "graphs" / f"{case['graph']}.onnx").read_bytes())
    mlmodel = {
        "flavors": {"onnx": {"data": "model.onnx"}},
        "signature": DOCUMENT["signatures"][case["signature"]],
        "metadata": case["metadata"],
    }
    (directory / "MLmodel").write_text(json.dumps(mlmodel))
    return directory


@pytest.mark.parametrize("case", DOCUMENT["cases"], ids=name_of)
def test_judges_as_the_service_does(case: dict[str, Any], tmp_path: Path) -> None:
    if "refused" in case:
        with pytest.raises(RefusedModelError) as raised:
            contract.check(write(case, tmp_path))
        assert DOCUMENT["reasons"][case["refused"]] in str(raised.value)
    else:
        accepted = contract.check(write(case, tmp_path))
        live = case["live"]
        assert list(accepted.inputs) == live["inputs"]
        assert sorted(accepted.nullable) == live["nullable"]
        assert (accepted.default_class.label, accepted.default_class.source) == (
            GRAPHS[case["graph"]]["default"],
            live["defaultClassFrom"],
        )


@pytest.mark.parametrize("name", sorted(SERVED))
def test_takes_the_services_own_fixtures_that_it_serves(name: str) -> None:
    assert contract.check(MODELS / name).inputs


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refuses_the_services_own_fixtures_that_it_refuses(name: str) -> None:
    with pytest.raises(RefusedModelError):
        contract.check(MODELS / name)


def test_the_page_says_what_the_models_show() -> None:
    page = runpy.run_path(str(FIXTURES / "page.py"))["page"]

    assert (ROOT / "docs" / "exporters.md").read_text() == page(DOCUMENT)
