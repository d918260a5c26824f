import json
from pathlib import Path
from typing import Any

import mlflow.onnx
import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import parser

from credit_default import contract
from credit_default.refused import RefusedModelError

NAMES = ["debt", "income"]


def graph(body: str, *, output: str = "float[N,1] probability") -> onnx.ModelProto:
    return parser.parse_model(f"""
        <ir_version: 8, opset_import: ["" : 15]>
        plain (float[N,2] input) => ({output})
        <int64[1] first = {{0}}, int64[1] second = {{1}}, float[2,1] weights = {{1, -1}}>
        {{ {body} }}
    """)


SIGMOID = graph("margin = MatMul(input, weights) probability = Sigmoid(margin)")
MARGIN = graph("probability = MatMul(input, weights)")
# It has no value for a client of zeros.
RATIO_OF_INPUTS = graph(
    """
    debt = Gather<axis = 1>(input, first)
    income = Gather<axis = 1>(input, second)
    ratio = Div(debt, income)
    probability = Sigmoid(ratio)
    """
)


def save(directory: Path, model: onnx.ModelProto = SIGMOID, **metadata: object) -> Path:
    directory.mkdir(exist_ok=True)
    onnx.save_model(model, directory / "model.onnx")
    document = {"flavors": {"onnx": {"data": "model.onnx"}}, "metadata": metadata or None}
    (directory / "MLmodel").write_text(json.dumps(document))
    return directory


def ours(**members: object) -> dict[str, Any]:
    return {"credit_default": members}


def test_takes_what_it_needs_and_says_what_it_assumed(tmp_path: Path) -> None:
    accepted = contract.check(
        save(tmp_path, **ours(feature_names=NAMES, nullable_features=["income"], default_class=True))
    )

    assert (accepted.inputs, accepted.nullable) == (("debt", "income"), frozenset({"income"}))
    assert (accepted.default_class.label, accepted.default_class.source) == ("1", "metadata")


@pytest.mark.parametrize(
    "metadata",
    [{"threshold": "0.3"}, {"reference": "CR-1042", "feature_names": NAMES}, {"known_rows": [1]}],
)
def test_leaves_alone_what_is_somebody_elses(tmp_path: Path, metadata: dict[str, Any]) -> None:
    accepted = contract.check(save(tmp_path, **metadata))

    assert accepted.inputs == ("f0", "f1")
    assert "Nothing under metadata in MLmodel is used" in accepted.warnings[0]


def test_reads_the_members_that_had_no_key_of_their_own(tmp_path: Path) -> None:
    accepted = contract.check(save(tmp_path, feature_names=NAMES, owner="risk", feature_ranges={"age": [0, None]}))

    assert accepted.inputs == ("debt", "income")
    assert "feature_ranges names age" in accepted.warnings[0]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"feature_name": NAMES}, "feature_name: there is no such member"),
        ({"threshold": 1.5}, "threshold must be a number from 0 to 1"),
        ({"feature_names": NAMES, "nullable_features": ["age"]}, "nullable_features names age"),
        ({"feature_names": NAMES, "feature_ranges": {"age": [0, 1]}}, "feature_ranges names age"),
        ({"feature_names": ["debt", "debt"]}, "a name of an input twice"),
        ({"feature_names": ["debt"]}, "graph takes 2 inputs but MLmodel declares 1"),
        ({"known_rows": {"inputs": [[1, 2]], "probabilities": []}}, "known_rows must be inputs, probabilities"),
        ({"known_rows": {"inputs": [[1]], "probabilities": [0.5]}}, "Known row 0 has 1 inputs"),
        ({"known_rows": {"inputs": [[1, 1]], "probabilities": [0.4]}}, r"Known row 0 of 1 is off by 0\.1 "),
        ({"default_class": "bad"}, "default_class in the metadata is none of the model's classes"),
        ({"default_class": 0}, "Export both columns"),
    ],
)
def test_refuses_what_contradicts_itself(tmp_path: Path, members: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedModelError, match=message):
        contract.check(save(tmp_path, **ours(**members)))


def test_reads_tags_where_the_metadata_says_nothing(tmp_path: Path) -> None:
    directory = save(tmp_path, **ours(feature_names=NAMES))
    accepted = contract.check(directory, {"default_class": "1", "nullable_features": "debt, income", "sha256": "0"})

    assert (accepted.default_class.source, accepted.nullable) == ("tag", frozenset({"debt", "income"}))
    with pytest.raises(RefusedModelError, match="tag nullable_features names age"):
        contract.check(directory, {"nullable_features": "age"})


def test_tells_a_margin_from_a_probability(tmp_path: Path) -> None:
    with pytest.raises(RefusedModelError, match=r"not probabilities \(outside 0 to 1\).*sigmoid"):
        contract.check(save(tmp_path, MARGIN))


def test_serves_a_model_that_only_zeros_break(tmp_path: Path) -> None:
    assert contract.check(save(tmp_path, RATIO_OF_INPUTS)).inputs == ("f0", "f1")


def test_tries_the_input_example_that_mlflow_wrote(tmp_path: Path) -> None:
    mlflow.onnx.save_model(SIGMOID, tmp_path / "bad", input_example=np.array([[np.nan, 1]], dtype=np.float32))
    with pytest.raises(RefusedModelError, match=r"not finite\) for row 0 of 1 rows of its input example"):
        contract.check(tmp_path / "bad")

    mlflow.onnx.save_model(
        RATIO_OF_INPUTS, tmp_path / "good", input_example=np.array([[0, 0], [3, 1]], dtype=np.float32)
    )
    assert contract.check(tmp_path / "good").nullable == frozenset()


def test_is_understood_by_name_in_a_signature(tmp_path: Path) -> None:
    example = pd.DataFrame({"debt": [1.0], "income": [2.0]}, dtype=np.float32)
    signature = mlflow.models.infer_signature(example, np.zeros((1, 1), dtype=np.float32))
    mlflow.onnx.save_model(SIGMOID, tmp_path / "model", signature=signature, input_example=example)

    assert contract.check(tmp_path / "model").inputs == ("debt", "income")
