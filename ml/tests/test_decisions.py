import numpy as np
import pandas as pd

from credit_default.evaluation.decisions import Confusion, Group, by_group, confusion
from tests.factories import make_clients

DEFAULTED = np.array([0, 0, 0, 1, 1, 1, 1, 0])
PREDICTED = np.array([0, 1, 0, 1, 1, 0, 1, 0])


def rates(decisions: Confusion) -> list[float | None]:
    estimates = [
        decisions.selection_rate,
        decisions.default_rate,
        decisions.true_positive_rate,
        decisions.false_positive_rate,
        decisions.precision,
    ]
    return [estimate.value if estimate else None for estimate in estimates]


def find(groups: list[Group], attribute: str) -> dict[str, int]:
    return {group.name: group.decisions.clients for group in groups if group.attribute == attribute}


def people(**columns: list[int]) -> pd.DataFrame:
    [rows] = {len(values) for values in columns.values()}
    return make_clients(rows, **{name: np.array(values) for name, values in columns.items()})


def test_counts_predictions_against_outcomes() -> None:
    decisions = confusion(DEFAULTED, PREDICTED)

    assert decisions == Confusion(true_negatives=3, false_positives=1, false_negatives=1, true_positives=3)
    assert rates(decisions) == [0.5, 0.5, 0.75, 0.25, 0.75]


def test_rates_that_nobody_can_have_are_not_numbers() -> None:
    assert rates(confusion(np.array([0, 0]), np.array([0, 0]))) == [0, 0, None, 0, None]


def test_each_group_is_judged_by_its_own_members() -> None:
    clients = people(SEX=[1, 1, 1, 1, 2, 2, 2, 2])
    male, female = [g for g in by_group(clients, DEFAULTED, PREDICTED) if g.attribute == "sex"]

    assert (male.name, male.decisions) == ("male", confusion(DEFAULTED[:4], PREDICTED[:4]))
    assert (female.name, female.decisions) == ("female", confusion(DEFAULTED[4:], PREDICTED[4:]))


def test_every_client_is_in_one_group_of_each_attribute_undocumented_codes_too() -> None:
    clients = people(
        MARRIAGE=[0, 1, 2, 3, 1, 1, 1, 1], EDUCATION=[0, 5, 6, 1, 2, 3, 4, 4], AGE=[21, 29, 30, 39, 40, 59, 60, 79]
    )
    groups = by_group(clients, DEFAULTED, PREDICTED)

    assert find(groups, "marital status") == {"married": 5, "single": 1, "others": 1, "undocumented": 1}
    assert find(groups, "education") == {
        "graduate school": 1,
        "university": 1,
        "high school": 1,
        "others": 2,
        "undocumented": 3,
    }
    assert find(groups, "age") == {"under 30": 2, "30 to 39": 2, "40 to 49": 1, "50 to 59": 1, "60 and over": 2}


def test_groups_without_clients_are_left_out() -> None:
    assert find(by_group(people(SEX=[2] * 8), DEFAULTED, PREDICTED), "sex") == {"female": 8}
