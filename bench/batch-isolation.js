/**
 * Do large batches hold up single predictions?
 *
 * Starts the built service, drives it with 4 connections of single rows, and compares the latency with and without
 * one client that sends 10,000-row batches back to back, in alternating rounds. Server and load share the machine's
 * cores. Prints one row per round and the median ratio of p99; exits 1 when that is over 5.
 *
 *   npm run bench:batch-isolation            ROUNDS=3 ROUND_SECONDS=10 are the defaults
 */
import { fork, spawn } from 'node:child_process';
import http from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const ROUND_MS = Number(process.env.ROUND_SECONDS ?? 10) * 1000;
const CONNECTIONS = 4;
const BATCH_ROWS = 10_000;
const LIMIT = 5;
const ms = (value) => `${value.toFixed(2).padStart(7)} ms`;
const FEATURES = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

if (process.argv[2] === 'batches') await sendBatches(process.argv[3]);
else await main();

async function main() {
  const service = await startService();
  try {
    await singles(service.url, 2000); // warm-up
    const ratios = [];
    for (let round = 0; round < ROUNDS; round++) {
      const alone = await singles(service.url, ROUND_MS);
      const client = await startBatchClient(service.url);
      const beside = await singles(service.url, ROUND_MS);
      const batches = await client.stop();
      ratios.push(beside.p99 / alone.p99);
      print(`round ${round + 1} alone  `, alone);
      print(`round ${round + 1} batches`, beside, `${batches} batches of ${BATCH_ROWS} rows`);
    }
    const median = ratios.toSorted((a, b) => a - b)[Math.floor(ratios.length / 2)];
    process.stdout.write(`p99 with batches / alone: median ${median.toFixed(2)} (limit ${LIMIT})\n`);
    process.exitCode = median < LIMIT ? 0 : 1;
  } finally {
    service.process.kill('SIGTERM');
  }
}

function print(name, { count, p50, p99, max }, note = '') {
  process.stdout.write(
    `${name}  ${String(Math.round(count / (ROUND_MS / 1000))).padStart(6)} req/s  p50 ${ms(p50)}  p99 ${ms(p99)}  max ${ms(max)}  ${note}\n`,
  );
}

/** Closed loop over CONNECTIONS keep-alive connections; latencies in milliseconds. */
async function singles(url, durationMs) {
  const body = Buffer.from(JSON.stringify({ data: { features: FEATURES } }));
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const latencies = [];
  const end = performance.now() + durationMs;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (performance.now() < end) {
        const startedAt = performance.now();
        await post(`${url}/predict`, body, agent);
        latencies.push(performance.now() - startedAt);
      }
    }),
  );
  agent.destroy();
  latencies.sort((a, b) => a - b);
  const at = (q) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))];
  return { count: latencies.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

function post(url, body, agent) {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': body.byteLength };
    const request = http.request(url, { method: 'POST', agent, headers }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`HTTP ${response.statusCode}`));
      response.resume().once('end', resolve);
    });
    request.once('error', reject).end(body);
  });
}

/** Its own process, so that its work does not delay the clock of the single rows. */
async function startBatchClient(url) {
  const client = fork(fileURLToPath(import.meta.url), ['batches', url]);
  await new Promise((resolve) => client.once('message', resolve)); // the first batch was answered
  return {
    stop: () =>
      new Promise((resolve) => {
        client.once('message', resolve);
        client.send('stop');
      }),
  };
}

async function sendBatches(url) {
  const rows = Array.from({ length: BATCH_ROWS }, () => ({ features: FEATURES }));
  const body = Buffer.from(JSON.stringify({ data: rows }));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const stop = new AbortController();
  process.once('message', () => stop.abort());
  let batches = 0;
  while (!stop.signal.aborted) {
    await post(`${url}/predict/batch`, body, agent);
    if (++batches === 1) process.send('started');
  }
  process.send(batches);
  agent.destroy();
  process.disconnect();
}

async function startService() {
  const service = spawn(process.execPath, ['dist/main.js'], {
    env: {
      ...process.env,
      PORT: '0',
      HOST: '127.0.0.1',
      LOG_FORMAT: 'json',
      NODE_ENV: 'production',
      PREDICTION_LOG: 'off',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface(service.stdout)) {
    const { message, url } = JSON.parse(line);
    if (message === 'Ready') return { url, process: service };
  }
  throw new Error('The service did not start: run "make .make/build" and see its log.');
}
