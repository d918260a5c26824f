import json
from typing import Any

import numpy as np
import pytest

from credit_default import features, metadata
from credit_default.export import score
from credit_default.features import FEATURES, NAMES
from tests.conftest import Fitted


@pytest.fixture(scope="module")
def described(fitted: Fitted) -> dict[str, Any]:
    return metadata.describe(
        fitted.dataset, booster=fitted.booster, inputs=fitted.inputs, threshold=0.25, training_metrics={"auc": 0.8}
    )


def test_has_exactly_the_keys_that_the_service_knows(described: dict[str, Any]) -> None:
    assert described.keys() == {
        "name",
        "feature_names",
        "feature_descriptions",
        "feature_ranges",
        "nullable_features",
        "threshold",
        "known_rows",
        "training_metrics",
        "reference",
        "holdout",
        "dataset",
    }
    assert described["known_rows"].keys() == {"inputs", "probabilities", "tolerance"}
    assert described["reference"].keys() == {"features", "score"}
    assert described["holdout"].keys() == {"rule", "rows", "sha256"}
    assert described["dataset"].keys() == {"name", "doi", "licence", "rows", "sha256"}


def test_names_the_registered_model(described: dict[str, Any]) -> None:
    assert described["name"] == "credit-default-model"


def test_is_plain_json_without_nan(described: dict[str, Any]) -> None:
    assert json.loads(json.dumps(described, allow_nan=False)) == described


def test_describes_every_input_in_the_models_order(described: dict[str, Any]) -> None:
    assert described["feature_names"] == list(NAMES)
    for key in ("feature_descriptions", "feature_ranges"):
        assert set(described[key]) == set(NAMES)
    assert described["feature_ranges"]["months_late"] == [0, 6]
    assert described["feature_ranges"]["utilisation"] == [None, None]
    assert described["feature_descriptions"]["credit_limit"] == "credit limit (NT dollars)"
    assert described["nullable_features"] == ["share_paid"]


def test_known_rows_are_what_the_exported_model_answers(fitted: Fitted, described: dict[str, Any]) -> None:
    known = described["known_rows"]
    inputs = np.array(known["inputs"], dtype=np.float64)

    assert len(inputs) == len(known["probabilities"]) >= 32
    np.testing.assert_array_equal(inputs, inputs.astype(np.float32))
    answers = score(fitted.model, inputs.astype(np.float32))
    np.testing.assert_allclose(known["probabilities"], answers, atol=known["tolerance"], rtol=0)


def test_known_rows_hold_zeros_extremes_and_missing_values(fitted: Fitted, described: dict[str, Any]) -> None:
    rows = described["known_rows"]["inputs"]
    known = np.array(rows, dtype=np.float64)

    assert rows[0] == [0] * 10
    np.testing.assert_array_equal(np.nanmax(known, axis=0), np.nanmax(fitted.inputs, axis=0))
    np.testing.assert_array_equal(np.nanmin(known[1:], axis=0), np.nanmin(fitted.inputs, axis=0))
    for feature, column in zip(FEATURES, known.T, strict=True):
        assert np.isnan(column).any() == feature.nullable, feature.name


def test_reference_counts_every_training_row(fitted: Fitted, described: dict[str, Any]) -> None:
    reference = described["reference"]

    for name in NAMES:
        counts, missing = reference["features"][name]["counts"], reference["features"][name]["missing"]
        assert sum(counts) + missing == len(fitted.inputs)
        assert len(reference["features"][name]["edges"]) == len(counts) + 1
    assert sum(reference["score"]["counts"]) == len(fitted.inputs)
    assert reference["features"]["share_paid"]["missing"] == np.isnan(fitted.inputs[:, NAMES.index("share_paid")]).sum()


def test_holdout_and_dataset_name_the_rows_they_mean(fitted: Fitted, described: dict[str, Any]) -> None:
    held_out = fitted.dataset.held_out()

    assert described["holdout"]["rows"] == len(held_out)
    assert described["holdout"]["sha256"] == held_out.sha256
    assert described["dataset"]["rows"] == len(fitted.dataset)
    assert described["dataset"]["sha256"] == fitted.dataset.sha256 != held_out.sha256
    assert len(features.compute(held_out.clients)) + len(fitted.inputs) == len(fitted.dataset)


def test_a_histogram_of_few_values_has_a_bin_for_each() -> None:
    assert metadata.histogram(np.array([0.0, 0.0, 1.0, 3.0, np.nan])) == {
        "edges": [-0.5, 0.5, 2.0, 3.5],
        "counts": [2, 1, 1],
    }


def test_a_histogram_of_many_values_has_ten_bins_of_equal_count() -> None:
    histogram = metadata.histogram(np.arange(1000.0) ** 2)

    assert histogram["counts"] == [100] * 10
    assert (histogram["edges"][0], histogram["edges"][-1]) == (0, 999**2)
