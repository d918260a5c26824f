"""Data, inputs, training and export of the credit default model."""

import os

# MLflow and onnxruntime report their use to their makers unless told not to; training on a lender's data should not
# call anyone.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
