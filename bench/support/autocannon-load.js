/**
 * Posts the JSON of a file on a number of connections with autocannon, and prints what wrk-request.lua does. Latencies and
 * the time of the last answer are taken from its events: its own report has whole milliseconds, and counts the time that
 * the requests took which were under way in the end.
 *
 *   node autocannon-load.js URL CONNECTIONS SECONDS FILE [HEADER]
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';
import { quantile, sorted } from './report.js';

const [url, connections, seconds, file, uniqueHeader] = process.argv.slice(2);
const latencies = [];
let startedAt;
let endedAt;
const load = autocannon({
  url,
  method: 'POST',
  headers: { 'content-type': 'application/json', ...(uniqueHeader && { [uniqueHeader]: `${randomUUID()}-[<id>]` }) },
  idReplacement: uniqueHeader !== undefined,
  body: readFileSync(file),
  connections: Number(connections),
  duration: Number(seconds),
  timeout: 60,
});
load.on('start', () => (startedAt = performance.now()));
load.on('response', (_client, _status, _bytes, latencyMs) => {
  latencies.push(latencyMs);
  endedAt = performance.now();
});
const { errors, non2xx } = await load;
const ascending = sorted(latencies);
process.stdout.write(
  `${JSON.stringify({
    answers: ascending.length,
    failed: errors + non2xx,
    perSecond: ascending.length === 0 ? 0 : (1000 * ascending.length) / (endedAt - startedAt),
    p50Ms: quantile(ascending, 0.5),
    p99Ms: quantile(ascending, 0.99),
  })}\n`,
);
