import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { type BuiltService, startBuiltService } from '../support/built-service.js';
import { eventually } from '../support/eventually.js';
import { fixtureModel } from '../support/fixture-models.js';

const BODY = JSON.stringify({ data: { features: [50, 0.5, 1] } });

interface Answer {
  status: number;
  connection: string | undefined;
}

describe('SIGTERM', () => {
  it('fails no request: not ready at once, answers as before for the delay, then closes the listener', async () => {
    const service = await start({ SHUTDOWN_DELAY_MS: '1000' });
    const clients = Array.from({ length: 8 }, () => sendUntilRefused(service.url));
    await Promise.all(clients.map(({ firstAnswer }) => firstAnswer));

    const signalledAt = performance.now();
    const ended = service.stop('SIGTERM');
    await until(async () => (await get(service.url, '/health/ready')).status === 503);
    const afterTheSignal = await post(service.url, BODY);

    expect(afterTheSignal).toEqual({ status: 200, connection: 'close' });
    const logs = await Promise.all(clients.map(({ log }) => log));
    expect(logs.filter(({ refusedAt }) => refusedAt - signalledAt < 1000)).toEqual([]);
    const answers = logs.flatMap((log) => log.answers);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(answers.some(({ connection }) => connection === 'close')).toBe(true);
    expect(await ended).toBe(0);
  });

  it('finishes a request that was in flight when the listener closed', async () => {
    const service = await start();
    const { request, answer } = open(service.url, Buffer.byteLength(BODY));
    request.write(BODY.slice(0, 10));
    await until(async () => (await inFlight(service.url)) === 2); // this one and the request that asks

    const ended = service.stop('SIGTERM');
    await until(() => refuses(service.url));
    request.end(BODY.slice(10));

    expect((await answer).status).toBe(200);
    expect(await ended).toBe(0);
  });

  it('cuts what is still open at the end of the grace period, says so, and exits with 1', async () => {
    const service = await start({ SHUTDOWN_GRACE_MS: '1000' });
    const { request, answer } = open(service.url, Buffer.byteLength(BODY));
    request.write(BODY.slice(0, 10));
    await until(async () => (await inFlight(service.url)) === 2);

    const ended = service.stop('SIGTERM');

    await expect(answer).rejects.toThrow('socket hang up');
    expect(await ended).toBe(1);
    expect(service.logs()).toContain('still in flight at the end of SHUTDOWN_GRACE_MS');
  });
});

describe('A shutdown', () => {
  it('does not wait for connections that never sent anything, such as those of a load balancer', async () => {
    const service = await start();
    const { hostname, port } = new URL(service.url);
    const socket = net.connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.resume();
    const ended = once(socket, 'close');

    expect(await service.stop('SIGTERM')).toBe(0);

    await ended;
    expect(service.logs()).not.toContain('still in flight');
  });

  it('waits for batches in worker threads, also when their clients have gone away', async () => {
    const service = await start({ MODEL_URI: 'file:ml/model' });
    const batch = JSON.stringify({ data: Array.from({ length: 10_000 }, () => ({ features: Array(10).fill(0) })) });
    const leave = new AbortController();
    const headers = { 'Content-Type': 'application/json' };
    const request = { method: 'POST', headers, body: batch, signal: leave.signal };
    const batches = Array.from({ length: 8 }, () => fetch(`${service.url}/predict/batch`, request));
    expect((await Promise.race(batches)).status).toBe(200);
    leave.abort();
    await Promise.allSettled(batches);
    expect(await service.stop('SIGTERM')).toBe(0);
  });

  it('happens once, however many signals come', async () => {
    const service = await start({ SHUTDOWN_DELAY_MS: '500' });
    const ended = service.stop('SIGTERM');
    await eventually(() => expect(service.logs()).toContain('Shutting down'));
    service.process.kill('SIGINT');
    service.process.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(service.logs().match(/Shut down/g)).toHaveLength(1);
    expect(service.logs()).toContain('Already shutting down');
  });
});

const start = (env: Record<string, string> = {}): Promise<BuiltService> =>
  startBuiltService({ MODEL_URI: fixtureModel('lightgbm-small'), ...env });

interface ClientLog {
  answers: Answer[];
  /** When no new connection was taken any more. */
  refusedAt: number;
}

/**
 * One keep-alive client that sends one request after another until no new connection is taken. The kernel refuses it,
 * or resets it when it was still in the listener's backlog.
 */
function sendUntilRefused(url: string): { firstAnswer: Promise<Answer>; log: Promise<ClientLog> } {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const firstAnswer = post(url, BODY, agent);
  const run = async (): Promise<ClientLog> => {
    const answers = [await firstAnswer];
    for (;;) {
      try {
        answers.push(await post(url, BODY, agent));
      } catch (error) {
        if (!/^(ECONNREFUSED|ECONNRESET)$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
        return { answers, refusedAt: performance.now() };
      }
    }
  };
  return { firstAnswer, log: run() };
}

function open(url: string, contentLength: number, agent?: http.Agent) {
  const headers = { 'Content-Type': 'application/json', 'Content-Length': contentLength };
  const request = http.request(`${url}/predict`, { method: 'POST', headers, ...(agent && { agent }) });
  return { request, answer: answerOf(request) };
}

function post(url: string, body: string, agent?: http.Agent): Promise<Answer> {
  const { request, answer } = open(url, Buffer.byteLength(body), agent);
  request.end(body);
  return answer;
}

const get = (url: string, path: string): Promise<Answer> => answerOf(http.get(url + path, { agent: false }));

function answerOf(request: http.ClientRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.once('error', reject);
    request.once('response', (response) => {
      response.once('error', reject);
      response.resume().once('end', () => {
        resolve({ status: response.statusCode!, connection: response.headers.connection });
      });
    });
  });
}

async function inFlight(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^http_requests_in_flight (\d+)/m.exec(metrics)?.[1]);
}

const refuses = (url: string): Promise<boolean> =>
  get(url, '/health/live').then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
  );

/** Asks again and again, without pause; Jest's own timeout bounds it. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition()));
}
