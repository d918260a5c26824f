import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http, { type RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';

/** The certificate of {@link startHttpsServer}, which is its own CA. */
export const TEST_CA_FILE = 'test/fixtures/tls/cert.pem';

export interface TestServer {
  url: string;
  close(): Promise<void>;
}

/** A server on a loopback port of its own. */
export const startHttpServer = (listener: RequestListener): Promise<TestServer> =>
  start('http', http.createServer(listener));

export function startHttpsServer(listener: RequestListener): Promise<TestServer> {
  const tls = { cert: readFileSync(TEST_CA_FILE), key: readFileSync('test/fixtures/tls/key.pem') };
  return start('https', https.createServer(tls, listener));
}

async function start(protocol: string, server: http.Server | https.Server): Promise<TestServer> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `${protocol}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
