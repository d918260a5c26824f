import { probabilities, rows } from './model.js';
import { post } from './start-server.js';

/** float32 leaves seven digits, and servers print them in their own ways. */
const TOLERANCE = 1e-6;

/**
 * Asks a server for every row by itself, and for all of them in one batch.
 *
 * @param {import('./servers.js').Server} server
 * @param {string} url
 * @throws Error when it answers other probabilities than onnxruntime gives
 */
export async function compareAnswers({ title, single, batch }, url) {
  const asked = rows();
  const expected = await probabilities(asked);
  const answered = [];
  for (const row of asked) answered.push(...(await ask(url, single, [row])));
  const together = await ask(url, batch, asked);
  const furthest = Math.max(...expected.flatMap((p, i) => [distance(p, answered[i]), distance(p, together[i])]));
  if (furthest <= TOLERANCE) return;
  throw new Error(`${title} answers other probabilities than onnxruntime: off by up to ${furthest}.`);
}

async function ask(url, { path, body, probabilities: read }, rowsToScore) {
  const response = await post(url + path, body(rowsToScore));
  if (!response.ok) throw new Error(`${url}${path} answered ${response.status}: ${await response.text()}`);
  return read(await response.json());
}

/** Infinite where there is no answer. */
const distance = (expected, answered) => (Number.isFinite(answered) ? Math.abs(expected - answered) : Infinity);
