import numpy as np
import pandas as pd
import pytest

from credit_default import features
from credit_default.features import FEATURES, NAMES, Direction
from credit_default.uci_table import BILL_COLUMNS, PAYMENT_COLUMNS, PERSONAL_COLUMNS, STATUS_COLUMNS, TARGET
from tests.factories import make_clients, make_dataset


def client(
    *,
    limit: int = 100_000,
    status: list[int] | None = None,
    bill: list[int] | None = None,
    payment: list[int] | None = None,
) -> pd.DataFrame:
    return make_clients(
        LIMIT_BAL=limit,
        **dict(zip(STATUS_COLUMNS, status or [0] * 6, strict=True)),
        **dict(zip(BILL_COLUMNS, bill or [0] * 6, strict=True)),
        **dict(zip(PAYMENT_COLUMNS, payment or [0] * 6, strict=True)),
    )


def value(name: str, clients: pd.DataFrame) -> float:
    return float(features.compute(clients)[0, NAMES.index(name)])


@pytest.mark.parametrize(
    ("name", "clients", "expected"),
    [
        ("credit_limit", client(limit=50_000), 50_000),
        ("months_overdue", client(status=[3, 2, 0, 0, 0, 0]), 3),
        ("months_overdue", client(status=[-2, 2, 0, 0, 0, 0]), 0),
        ("months_overdue_previous", client(status=[3, 2, 0, 0, 0, 0]), 2),
        ("months_overdue_previous", client(status=[3, -1, 0, 0, 0, 0]), 0),
        ("months_late", client(status=[1, 0, 2, -1, -2, 8]), 3),
        ("on_time_status", client(status=[-2, 2, 2, 2, 2, 2]), -2),
        ("on_time_status", client(status=[4, -1, -1, -1, -1, -1]), 0),
        ("utilisation", client(limit=80_000, bill=[20_000, 9, 9, 9, 9, 9]), 0.25),
        ("utilisation", client(limit=80_000, bill=[-20_000, 9, 9, 9, 9, 9]), -0.25),
        ("mean_utilisation", client(limit=10_000, bill=[6_000, 4_000, 5_000, 9, 9, 9]), 0.5),
        ("new_charges", client(limit=10_000, bill=[6_000, 5_000, 9, 9, 9, 9], payment=[1_500, 9, 9, 9, 9, 9]), 0.25),
        ("mean_payment", client(payment=[600, 0, 0, 1_200, 0, 0]), 300),
        ("share_paid", client(bill=[9, 1_000, 3_000, -500, 0, 0], payment=[500, 400, 100, 0, 0, 9]), 0.25),
    ],
)
def test_follows_its_formula(name: str, clients: pd.DataFrame, expected: float) -> None:
    assert value(name, clients) == pytest.approx(expected)


def test_share_paid_is_missing_when_there_was_no_bill_to_pay() -> None:
    assert np.isnan(value("share_paid", client(bill=[5_000, 0, -10, 0, 0, 0], payment=[100] * 6)))


def test_only_nullable_inputs_are_ever_missing_and_all_keep_their_range() -> None:
    inputs = features.compute(make_dataset().clients)

    assert inputs.dtype == np.float32
    for feature, values in zip(FEATURES, inputs.T, strict=True):
        assert np.isnan(values).any() == feature.nullable, feature.name
        assert feature.minimum is None or np.nanmin(values) >= feature.minimum, feature.name
        assert feature.maximum is None or np.nanmax(values) <= feature.maximum, feature.name


def test_there_are_ten_inputs_and_the_credit_limit_comes_first() -> None:
    assert len(set(NAMES)) == 10
    assert NAMES[0] == "credit_limit"


def test_zero_is_a_valid_value_of_every_input() -> None:
    for feature in FEATURES:
        assert feature.minimum is None or feature.minimum <= 0, feature.name
        assert feature.maximum is None or feature.maximum >= 0, feature.name


def test_no_input_depends_on_a_personal_attribute_or_on_the_outcome() -> None:
    clients = make_dataset(200).clients
    others = clients.assign(**{column: clients[column] + 1 for column in [*PERSONAL_COLUMNS, TARGET]})

    np.testing.assert_array_equal(features.compute(clients), features.compute(others))


def test_forecasts_fall_with_limit_and_payment_and_rise_with_lateness() -> None:
    directions = {feature.name: feature.direction for feature in FEATURES if feature.direction != Direction.FREE}

    assert directions == {
        "credit_limit": Direction.FALLING,
        "mean_payment": Direction.FALLING,
        "months_overdue": Direction.RISING,
        "months_overdue_previous": Direction.RISING,
        "months_late": Direction.RISING,
    }
