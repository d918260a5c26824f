"""A runtime for MLServer: the V2 protocol around one run of onnxruntime a request."""

import onnxruntime as ort
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class OnnxModel(MLModel):
    """Scores the tensor of a request."""

    async def load(self) -> bool:
        """Opens the file that model-settings.json or MLSERVER_MODEL_URI names."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(self.settings.parameters.uri, options, providers=["CPUExecutionProvider"])
        self._name = self._session.get_inputs()[0].name
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Scores all rows in one run."""
        rows = NumpyCodec.decode_input(payload.inputs[0])
        (probabilities,) = self._session.run(["probabilities"], {self._name: rows})
        output = NumpyCodec.encode_output("probability", probabilities[:, 1])
        return InferenceResponse(model_name=self.name, outputs=[output])
