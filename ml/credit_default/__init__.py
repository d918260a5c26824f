"""Data, inputs, training and export of the credit default model."""
