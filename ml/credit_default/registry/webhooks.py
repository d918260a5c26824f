"""Registers the webhook by which MLflow tells a service that an alias moved."""

from collections.abc import Iterator
from typing import Final

from mlflow import MlflowClient
from mlflow.entities.webhook import Webhook

from credit_default.registry.errors import RegistryError, explained

NAME: Final = "credit-default-service"
# Nothing else changes what an alias means, but for the deletion of a version, of which MLflow does not tell.
EVENTS: Final = ("model_version_alias.created", "model_version_alias.deleted")
_DESCRIPTION = "Tells the credit default service to look at its alias."


def put(name: str, url: str, secret: str) -> tuple[str, str]:
    """Creates the webhook of that name, or changes the one there is.

    Returns:
        "Created" or "Updated", and the webhook's id.

    Raises:
        RegistryError: MLflow cannot be reached or refuses, for one a URL that it may not call.
    """
    client = MlflowClient()
    with explained(f"register the webhook {name}"):
        present = next((webhook for webhook in _all(client) if webhook.name == name), None)
        if present:
            # A webhook that was switched off is meant to work again.
            client.update_webhook(present.webhook_id, url=url, events=list(EVENTS), secret=secret, status="ACTIVE")
            return "Updated", present.webhook_id
        created = client.create_webhook(name, url, list(EVENTS), description=_DESCRIPTION, secret=secret)
        return "Created", created.webhook_id


def test(webhook_id: str) -> None:
    """Has MLflow send the webhook a signed event.

    Raises:
        RegistryError: it was not delivered, or not answered with success.
    """
    with explained("try the webhook"):
        result = MlflowClient().test_webhook(webhook_id)
    if not result.success:
        reason = result.error_message or f"the service answered {result.response_status}"
        if result.response_body:
            reason += f", {result.response_body}"
        raise RegistryError(f"MLflow's trial delivery failed: {reason}")


def _all(client: MlflowClient) -> Iterator[Webhook]:
    token = None
    while True:
        page = client.list_webhooks(page_token=token)
        yield from page
        token = page.token
        if not token:
            return
