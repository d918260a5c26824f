/**
 * Sends single predictions back to back on a number of connections and counts the answers: a process of its own, on raw
 * sockets, so that it leaves as much as possible of its core to what shares it. References vary, as an index of them sees
 * it in service.
 *
 *   node socket-load.js PORT CONNECTIONS MILLISECONDS    prints one JSON object
 */
import net from 'node:net';
import { once } from 'node:events';
import { quantile } from './report.js';

const [port, connections, durationMs] = process.argv.slice(2).map(Number);
/** A request's own number is written over these digits. */
const APPLICATION = '000000';
const body = JSON.stringify({
  data: { features: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0] },
  reference: `application-${APPLICATION}`,
});
const template = Buffer.from(
  `POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
);
const applicationAt = template.indexOf(APPLICATION);
const HEADERS_END = '\r\n\r\n';

const latencies = [];
/** How many answers other than 200 there were, by what they say went wrong. */
const failures = {};
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
    failures,
  })}\n`,
);

/** One connection: the next request leaves when the answer is complete. */
async function converse() {
  const request = Buffer.from(template);
  const socket = net.connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  await once(socket, 'connect');
  let sentAt = performance.now();
  let received = '';
  socket.write(addressed(request));
  socket.on('data', (chunk) => {
    received += chunk.latin1Slice();
    if (!isComplete(received)) return;
    const now = performance.now();
    latencies.push(now - sentAt);
    if (!received.startsWith('HTTP/1.1 200')) {
      const [, code = received.slice(0, 12)] = /"code":"(\w+)"/.exec(received) ?? [];
      failures[code] = (failures[code] ?? 0) + 1;
    }
    received = '';
    if (now >= endsAt) {
      socket.end();
      return;
    }
    sentAt = now;
    socket.write(addressed(request));
  });
  await once(socket, 'close');
}

/** The request for any application; the one before it has been sent when its answer is there. */
function addressed(request) {
  const application = Math.floor(Math.random() * 10 ** APPLICATION.length);
  request.latin1Write(String(application).padStart(APPLICATION.length, '0'), applicationAt);
  return request;
}

function isComplete(text) {
  const headersEnd = text.indexOf(HEADERS_END);
  if (headersEnd === -1) return false;
  const length = /content-length: (\d+)/i.exec(text);
  return text.length >= headersEnd + HEADERS_END.length + Number(length[1]);
}
