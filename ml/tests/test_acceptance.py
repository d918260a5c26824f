import math

import pytest

from credit_default import training
from credit_default.registry import acceptance
from credit_default.training import Bar


@pytest.fixture(autouse=True)
def bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "BARS", (Bar("auc", at_least=0.78), Bar("ece", at_most=0.01)))


def judge(
    auc: float = 0.8,
    ece: float = 0.005,
    parity: float = 1e-7,
    champion_auc: float | None = 0.8,
    ece_by_chance: float = 0.005,
) -> list[bool]:
    found = acceptance.conditions({"auc": auc, "ece": ece}, parity, champion_auc, ece_by_chance)
    return [condition.holds for condition in found]


def test_accepts_what_is_as_good() -> None:
    assert judge() == [True, True, True]


@pytest.mark.parametrize(("auc", "holds"), [(0.7981, True), (0.7979, False), (0.81, True), (math.nan, False)])
def test_lets_the_auc_fall_by_no_more_than_two_thousandths(auc: float, holds: bool) -> None:
    assert judge(auc=auc) == [holds, True, True]


@pytest.mark.parametrize(("auc", "holds"), [(0.78, True), (0.7799, False)])
def test_asks_for_the_bar_where_there_is_no_champion(auc: float, holds: bool) -> None:
    assert judge(auc=auc, champion_auc=None) == [holds, True, True]


@pytest.mark.parametrize(("ece", "holds"), [(0.01, True), (0.0101, False), (math.nan, False)])
def test_asks_for_calibration_within_the_bar(ece: float, holds: bool) -> None:
    assert judge(ece=ece) == [True, holds, True]


@pytest.mark.parametrize(("ece", "holds"), [(0.016, True), (0.0161, False)])
def test_asks_for_no_more_calibration_than_a_perfect_model_has_on_so_few_clients(ece: float, holds: bool) -> None:
    assert judge(ece=ece, ece_by_chance=0.016) == [True, holds, True]


@pytest.mark.parametrize(("parity", "holds"), [(1e-6, True), (1.1e-6, False), (math.nan, False)])
def test_asks_for_onnx_that_agrees_with_lightgbm(parity: float, holds: bool) -> None:
    assert judge(parity=parity) == [True, True, holds]


def test_says_what_was_measured_against_what() -> None:
    texts = [condition.text for condition in acceptance.conditions({"auc": 0.79, "ece": 0.02}, 2e-7, 0.8, 0.015)]

    assert texts == [
        "AUC 0.7900 >= 0.7980, the present version's less 0.002",
        "calibration error 0.0200 <= 0.0150, what chance exceeds in one sample of twenty",
        "ONNX 2.0e-07 <= 1e-06 from LightGBM, on the known rows",
    ]
