"""Keeps models in MLflow: logs runs, registers versions, compares them and moves the alias that the service follows."""

import os

# By itself MLflow's client retries for minutes before it says that there is no server; this is a quarter of a minute.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
