/**
 * A load balancer with the least that one has: it finds replicas by their common name, asks each whether it is ready, and
 * gives requests to those in turn. It repeats none, so a request that a replica fails has failed for the client.
 *
 *   node proxy.ts NAME        runs in a container of the stack, see replicas.yml
 */
import { resolve4 } from 'node:dns/promises';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const PORT = 8000;
/** Much less than the SHUTDOWN_DELAY_MS for which a replica that ends still answers. */
const PROBE_EVERY_MS = 250;
const PROBE_TIMEOUT_MS = 2000;

const name = process.argv[2]!;
const agent = new http.Agent({ keepAlive: true });
let ready: string[] = [];
let turn = 0;

http
  .createServer((request, response) => {
    const host = ready[turn++ % ready.length];
    if (host === undefined) {
      response.writeHead(503).end('no replica is ready');
      return;
    }
    const { method, url: path, headers } = request;
    const onwards = http.request({ host, port: PORT, method, path, headers, agent }, (reply) => {
      response.writeHead(reply.statusCode!, { ...reply.headers, 'x-replica': host });
      reply.pipe(response);
    });
    onwards.once('error', (error) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end(error.message);
    });
    request.pipe(onwards);
  })
  .listen(PORT);

for (;;) {
  const hosts = await resolve4(name).catch(() => []);
  const answers = await Promise.all(hosts.map(isReady));
  ready = hosts.filter((_, i) => answers[i]);
  await delay(PROBE_EVERY_MS);
}

async function isReady(host: string): Promise<boolean> {
  try {
    return (await fetch(`http://${host}:${PORT}/health/ready`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })).ok;
  } catch {
    return false;
  }
}
