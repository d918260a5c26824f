import csv
from pathlib import Path

import numpy as np
import pytest

import predict
from credit_default import features, model_directory
from credit_default.export import score
from credit_default.features import NAMES
from tests.factories import make_clients, make_dataset, write_csv
from tests.fake_service import answers, meta, problem, serve

SHIPPED = Path(predict.__file__).parent / "model"


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    return write_csv(make_dataset(50).clients, tmp_path / "clients.csv")


def test_scores_with_the_shipped_model_and_says_what_it_found(
    data_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    out = tmp_path / "scored.csv"

    assert predict.main([str(data_file), "--out", str(out)]) == 0
    rows = list(csv.DictReader(out.open()))
    model = model_directory.load(SHIPPED)
    expected = score(model.proto, features.compute(make_dataset(50).clients))
    assert [row["id"] for row in rows] == [str(i) for i in range(1, 51)]
    np.testing.assert_array_equal([float(row["probability"]) for row in rows], expected)
    assert [row["prediction"] for row in rows] == [str(int(p >= model.threshold)) for p in expected]
    assert {row["prediction"] for row in rows} == {"0", "1"}
    assert "clients.csv: 50 rows of UCI's columns" in caplog.messages


def test_writes_to_standard_output_without_ids_where_there_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_csv(make_clients(2).drop(columns="ID"), tmp_path / "clients.csv")

    assert predict.main([str(path)]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header == "probability,prediction"
    assert len(rows) == 2


def test_scores_with_a_running_service(data_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(lambda rows: (200, answers([0.125] * 49 + [0.5])), meta=meta(NAMES)) as service:
        status = predict.main([str(data_file), "--url", service.url])

    lines = capsys.readouterr().out.splitlines()
    assert status == 0
    assert (lines[0], lines[1], lines[-1]) == ("id,probability,prediction", "1,0.125,0", "50,0.5,1")


def test_takes_the_inputs_of_the_model_that_is_live(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "loans.csv"
    # Names that UCI has as well mean what this model means by them.
    path.write_text("Id,X1,Y\nNA,1,\n007,2,0.5\n\n,,\n")
    with serve(lambda rows: (200, answers([0.125, 0.5])), meta=meta(["Y", "X1"], nullable=["Y"])) as service:
        status = predict.main([str(path), "--url", service.url])

    assert status == 0
    assert capsys.readouterr().out == "id,probability,prediction\nNA,0.125,0\n007,0.5,1\n"
    assert service.requests == [
        [
            {"features": {"Y": None, "X1": 1.0}, "reference": "NA"},
            {"features": {"Y": 0.5, "X1": 2.0}, "reference": "007"},
        ]
    ]


def test_writes_nothing_when_the_service_refuses(
    data_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scored.csv"
    with serve(lambda rows: (503, problem("MODEL_NOT_READY", "No model is live yet.")), meta=meta(NAMES)) as service:
        status = predict.main([str(data_file), "--url", service.url, "--out", str(out)])

    assert status == 1
    assert "answered 503 MODEL_NOT_READY: No model is live yet." in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.csv"], "error: Cannot read absent.csv: No such file"),
        (["{data}", "--model", "absent"], "error: absent holds no model. Write one with ml/train.py --out absent."),
        (["{data}", "--out", "absent/scored.csv"], "error: [Errno 2] No such file or directory: 'absent/scored.csv'"),
    ],
)
def test_says_what_is_wrong(
    data_file: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict.main([argument.format(data=data_file) for argument in arguments]) == 1
    assert message in capsys.readouterr().err
