"""Data, inputs, training and export of the credit default model."""

import os

# MLflow reports its use to its makers unless told not to; training on a lender's data should not call anyone.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
