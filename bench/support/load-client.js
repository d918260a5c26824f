/**
 * Sends single predictions back to back on a number of connections, in a process of its own so that its work does not
 * delay the clock of the one who measures.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { monotonicMs } from './clock.js';

const FEATURES = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

if (process.argv[1] === fileURLToPath(import.meta.url)) serveParent();

/**
 * @typedef {object} Answers one entry per request, in the order in which they ended
 * @property {Float64Array} startedAt monotonic milliseconds
 * @property {Float64Array} endedAt
 * @property {string[]} version what answered; for a failure, what went wrong
 * @property {Uint8Array} failed 1 for a status other than 200 and for a broken connection
 */

/** The load, seen from the process that asks for it. */
export class LoadClient {
  #process = fork(fileURLToPath(import.meta.url), { serialization: 'advanced' });
  #seen = new Map();

  constructor() {
    this.#process.on('message', ({ firstAnswerBy }) => {
      if (firstAnswerBy !== undefined) this.#seen.get(firstAnswerBy)?.();
    });
  }

  start(url, connections) {
    this.#process.send({ start: { url, connections } });
  }

  /** Waits until the answers change to this version. */
  async changedTo(version, withinMs) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`No answer by version ${version} within ${withinMs} ms.`)), withinMs);
    });
    await Promise.race([new Promise((resolve) => this.#seen.set(version, resolve)), late]);
    clearTimeout(timer);
    this.#seen.delete(version);
  }

  /** @returns {Promise<Answers>} since {@link start} */
  async stop() {
    this.#process.send({ stop: true });
    for (;;) {
      const [{ answers }] = await once(this.#process, 'message');
      if (answers) return answers;
    }
  }

  close() {
    this.#process.disconnect();
  }
}

function serveParent() {
  let stop;
  process.on('message', (message) => {
    if (message.start) stop = send(message.start);
    else void stop().then((answers) => process.send({ answers }));
  });
}

function send({ url, connections }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const body = Buffer.from(JSON.stringify({ data: { features: FEATURES } }));
  const startedAt = [];
  const endedAt = [];
  const version = [];
  const failed = [];
  const stopped = new AbortController();
  let lastVersion;

  const client = async () => {
    while (!stopped.signal.aborted) {
      const start = monotonicMs();
      const answer = await post(`${url}/predict`, body, agent);
      startedAt.push(start);
      endedAt.push(monotonicMs());
      version.push(answer.version);
      failed.push(answer.failed ? 1 : 0);
      if (!answer.failed && answer.version !== lastVersion) {
        lastVersion = answer.version;
        process.send({ firstAnswerBy: lastVersion });
      }
    }
  };
  const clients = Array.from({ length: connections }, client);
  return async () => {
    stopped.abort();
    await Promise.all(clients);
    agent.destroy();
    return {
      startedAt: Float64Array.from(startedAt),
      endedAt: Float64Array.from(endedAt),
      version,
      failed: Uint8Array.from(failed),
    };
  };
}

function post(url, body, agent) {
  return new Promise((resolve) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': body.byteLength };
    const broken = (error) => resolve({ failed: true, version: String(error) });
    const request = http.request(url, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response
        .setEncoding('utf8')
        .on('data', (chunk) => (text += chunk))
        .once('end', () => {
          if (response.statusCode === 200) resolve({ failed: false, version: JSON.parse(text).model.version });
          else resolve({ failed: true, version: `HTTP ${response.statusCode}` });
        })
        .once('error', broken);
    });
    request.once('error', broken).end(body);
  });
}
