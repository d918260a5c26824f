/** The yardstick: node:http and one run of onnxruntime a request, and nothing else. */
import http from 'node:http';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const { MODEL, PORT, THRESHOLD } = process.env;
const threshold = Number(THRESHOLD);
const session = await InferenceSession.create(MODEL, { intraOpNumThreads: 1, interOpNumThreads: 1 });
const input = session.inputNames[0];
const OUTPUTS = ['probabilities'];

http
  .createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
      answer(request.url, JSON.parse(body.toString())).then(
        (answered) => send(response, 200, answered),
        (error) => send(response, 500, { error: error.message }),
      );
    });
  })
  .listen(Number(PORT), '127.0.0.1');

async function answer(url, { data }) {
  if (url === '/predict') {
    const [probability] = await score(Float32Array.from(data.features), 1);
    return toPrediction(probability);
  }
  const rows = new Float32Array(data.length * data[0].features.length);
  data.forEach(({ features }, row) => rows.set(features, row * features.length));
  const probabilities = await score(rows, data.length);
  return { predictions: Array.from(probabilities, toPrediction) };
}

/** @returns {Promise<Float32Array>} of default */
async function score(rows, count) {
  const feeds = { [input]: new Tensor('float32', rows, [count, rows.length / count]) };
  const { data } = (await session.run(feeds, OUTPUTS)).probabilities;
  return Float32Array.from({ length: count }, (_, row) => data[2 * row + 1]);
}

const toPrediction = (probability) => ({ prediction: probability >= threshold ? 1 : 0, probability });

function send(response, status, answered) {
  const text = JSON.stringify(answered);
  response
    .writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) })
    .end(text);
}
