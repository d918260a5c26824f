/**
 * Where wrk is missing: posts the JSON of a file on a number of connections with autocannon, and prints what wrk-request.lua
 * does. Latencies are taken from its events, since its own report has whole milliseconds.
 *
 *   node autocannon-load.js URL CONNECTIONS SECONDS FILE
 */
import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';
import { quantile, sorted } from './report.js';

const [url, connections, seconds, file] = process.argv.slice(2);
const latencies = [];
const load = autocannon({
  url,
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: readFileSync(file),
  connections: Number(connections),
  duration: Number(seconds),
});
load.on('response', (_client, _status, _bytes, latencyMs) => latencies.push(latencyMs));
const { errors, non2xx, duration } = await load;
const ascending = sorted(latencies);
process.stdout.write(
  `${JSON.stringify({
    answers: ascending.length,
    failed: errors + non2xx,
    perSecond: ascending.length / duration,
    p50Ms: quantile(ascending, 0.5),
    p99Ms: quantile(ascending, 0.99),
  })}\n`,
);
