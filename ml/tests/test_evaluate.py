import re
from pathlib import Path

import pytest

import evaluate
from credit_default import data, features, metadata, metrics, model_directory
from credit_default.export import score
from tests.conftest import Fitted
from tests.factories import make_dataset, write_csv

MEASURES = ("auc", "gini", "ks", "brier", "ece")
pytestmark = pytest.mark.usefixtures("few_resamples")
RECORDED = {prefix + measure: 0.1234 for prefix in ("", "unconstrained_") for measure in MEASURES}


@pytest.fixture
def model(fitted: Fitted, tmp_path: Path) -> Path:
    description = metadata.describe(
        fitted.dataset, booster=fitted.booster, inputs=fitted.inputs, threshold=0.2, training_metrics=RECORDED
    )
    model_directory.save(fitted.model, description, tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def data_file(fitted: Fitted, tmp_path: Path) -> Path:
    return write_csv(fitted.dataset.clients, tmp_path / "clients.csv")


def run(data_file: Path, model: Path, out: Path, *more: str) -> int:
    return evaluate.main(["--data", str(data_file), "--model", str(model), "--out", str(out), *more])


def test_the_report_holds_its_five_pictures_and_asks_nobody_for_more(
    data_file: Path, model: Path, tmp_path: Path
) -> None:
    assert run(data_file, model, tmp_path / "reports") == 0
    report = (tmp_path / "reports" / "report.html").read_text()

    assert len(re.findall(r'<img src="data:image/svg\+xml;base64,', report)) == len(re.findall("<img", report)) == 5
    assert not re.search(r'(?:src|href)="(?!data:)', report)
    assert 'class="note"' not in report


def test_the_card_gives_the_figures_of_the_hold_out(
    fitted: Fitted, data_file: Path, model: Path, tmp_path: Path
) -> None:
    assert run(data_file, model, tmp_path) == 0
    card = (tmp_path / "MODEL_CARD.md").read_text()

    held_out = fitted.dataset.held_out()
    probability = score(fitted.model, features.compute(held_out.clients))
    expected = metrics.summarise(held_out.defaulted, probability)
    for measure, title in zip(MEASURES, ("AUC", "Gini", "Kolmogorov", "Brier", "Expected calibration"), strict=True):
        assert re.search(rf"\| {title}.*\| {expected[measure]:.4f} \|.*\| 0.1234 \|.*\| 0.1234 \|", card), measure
    true_positives = int(((probability >= 0.2) & (held_out.defaulted == 1)).sum())
    assert re.search(rf"\| default \| \d+ \| {true_positives} \|", card)
    assert held_out.sha256 in card
    assert "| sex: female | " in card


def test_the_same_data_gives_the_same_documents(data_file: Path, model: Path, tmp_path: Path) -> None:
    documents = []
    for _ in range(2):
        assert run(data_file, model, tmp_path) == 0
        documents.append([(tmp_path / name).read_bytes() for name in ("MODEL_CARD.md", "report.html")])

    assert documents[0] == documents[1]


def test_refuses_clients_that_the_model_may_have_been_trained_on(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_csv(make_dataset(900).clients, tmp_path / "other.csv")

    assert run(other, model, tmp_path / "reports") == 1
    error = capsys.readouterr().err
    assert "error: The hold-out of other.csv has SHA-256" in error
    assert "--other-data" in error
    assert not (tmp_path / "reports").exists()


def test_other_data_gives_a_report_that_says_so_and_no_card(model: Path, tmp_path: Path) -> None:
    other = write_csv(make_dataset(900).clients, tmp_path / "other.csv")

    assert run(other, model, tmp_path, "--other-data") == 0
    assert 'class="note"' in (tmp_path / "report.html").read_text()
    assert not (tmp_path / "MODEL_CARD.md").exists()


def test_says_that_there_is_no_model(data_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data_file, tmp_path / "absent", tmp_path) == 1
    assert "absent holds no model" in capsys.readouterr().err


def test_the_committed_card_is_of_the_committed_model() -> None:
    here = Path(evaluate.__file__).parent
    model = model_directory.load(here / "model")
    card = (here / "MODEL_CARD.md").read_text()

    assert model.sha256 in card
    assert model.metadata["holdout"]["sha256"] in card
    assert data.PUBLISHED_SHA256 in card
    for measure in MEASURES:
        for prefix in ("", "unconstrained_", "holdout_"):
            assert f"| {model.metadata['training_metrics'][prefix + measure]:.4f} |" in card
