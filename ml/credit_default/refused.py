"""What the service says no to."""


class RefusedModelError(Exception):
    """The service must refuse the model; the message says why, and how to put it right."""
