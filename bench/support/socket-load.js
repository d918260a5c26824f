/**
 * Sends single predictions back to back on a number of connections and counts the answers: a process of its own, on raw
 * sockets, so that it leaves as much as possible of its core to what shares it.
 *
 *   node socket-load.js PORT CONNECTIONS MILLISECONDS    prints one JSON object
 */
import net from 'node:net';
import { once } from 'node:events';
import { quantile } from './report.js';

const [port, connections, durationMs] = process.argv.slice(2).map(Number);
const body = JSON.stringify({ data: { features: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0] }, reference: 'bench' });
const request = Buffer.from(
  `POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
);
const HEADERS_END = '\r\n\r\n';

const latencies = [];
let failed = 0;
const startedAt = performance.now();
const endsAt = startedAt + durationMs;
await Promise.all(Array.from({ length: connections }, () => converse()));
const elapsedMs = performance.now() - startedAt;
latencies.sort((a, b) => a - b);
process.stdout.write(
  `${JSON.stringify({
    perSecond: (1000 * latencies.length) / elapsedMs,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    failed,
  })}\n`,
);

/** One connection: the next request leaves when the answer is complete. */
async function converse() {
  const socket = net.connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  let sentAt = performance.now();
  let received = '';
  socket.write(request);
  socket.on('data', (chunk) => {
    received += chunk.latin1Slice();
    if (!isComplete(received)) return;
    const now = performance.now();
    latencies.push(now - sentAt);
    if (!received.startsWith('HTTP/1.1 200')) failed++;
    received = '';
    if (now >= endsAt) {
      socket.end();
      return;
    }
    sentAt = now;
    socket.write(request);
  });
  await once(socket, 'close');
}

function isComplete(text) {
  const headersEnd = text.indexOf(HEADERS_END);
  if (headersEnd === -1) return false;
  const length = /content-length: (\d+)/i.exec(text);
  return text.length >= headersEnd + HEADERS_END.length + Number(length[1]);
}
