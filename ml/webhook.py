"""Makes MLflow tell the service at once when an alias moves, by a webhook; without it the service looks by itself."""

import argparse
import logging
import os
import sys

from credit_default.registry import webhooks
from credit_default.registry.errors import RegistryError, check_configured

_SECRET = "MLFLOW_WEBHOOK_SECRET"


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        check_configured()
        secret = os.environ.get(_SECRET)
        if not secret:
            raise RegistryError(f"Set {_SECRET} to the secret that the service has under the same name.")
        outcome, webhook_id = webhooks.put(options.name, options.url, secret)
        print(f"{outcome} the webhook {options.name} to {options.url}.")
        if options.test:
            webhooks.test(webhook_id)
            print("MLflow's trial delivery was taken.")
    except RegistryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"{_SECRET} is the secret that signs deliveries; MLFLOW_TRACKING_URI names the MLflow server. For an "
        "http:// or a private address that server needs MLFLOW_WEBHOOK_ALLOWED_SCHEMES=http,https and "
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true. It may take a minute to use a change of its webhooks.",
    )
    parser.add_argument(
        "--url",
        required=True,
        help="the service's route as MLflow reaches it, such as http://service:8000/webhooks/mlflow",
    )
    parser.add_argument(
        "--name",
        default=webhooks.NAME,
        help=f"the webhook to create, or to change if there is one (default: {webhooks.NAME})",
    )
    parser.add_argument("--test", action="store_true", help="have MLflow try a delivery, and fail if it is not taken")
    return parser


if __name__ == "__main__":
    sys.exit(main())
