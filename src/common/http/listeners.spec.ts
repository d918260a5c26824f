import { once } from 'node:events';
import { createServer as createHttpServer, get, type Server } from 'node:http';
import { type AddressInfo, connect, type ListenOptions, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { keepBusy } from '../../../test/support/keep-busy.js';
import { Listeners } from './listeners.js';

const CLIENTS = 96;
const TURN_MS = 5;
const HOST = '127.0.0.1';

/** Elsewhere there is one listener, and so one connection a turn. */
const MOST_TURNS = process.platform === 'linux' ? CLIENTS / 3 : Infinity;

let server: Server;
let listeners: Listeners;

beforeEach(() => {
  server = createHttpServer((_request, response) => response.end('ok'));
  listeners = new Listeners();
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await listeners.close();
});

async function listen(options: ListenOptions): Promise<void> {
  server.listen(options);
  await once(server, 'listening');
}

async function open(): Promise<number> {
  await listeners.open(server, listen, { host: HOST, port: 0 });
  return (server.address() as AddressInfo).port;
}

/** @returns how many turns of a busy event loop it takes until all clients are accepted */
async function turnsToAccept(port: number): Promise<number> {
  const accepted: Socket[] = [];
  server.on('connection', (socket: Socket) => accepted.push(socket));
  const clients: Socket[] = Array.from({ length: CLIENTS }, () => connect(port, HOST));
  let turns = 0;
  do {
    turns++;
    keepBusy(TURN_MS);
    await new Promise((resolve) => setImmediate(resolve));
  } while (accepted.length < CLIENTS);
  for (const client of clients) client.destroy();
  return turns;
}

async function acceptedClients(port: number): Promise<Socket[]> {
  let accepted = 0;
  const all = new Promise<void>((resolve) => {
    server.on('connection', () => ++accepted === CLIENTS && resolve());
  });
  const clients = Array.from({ length: CLIENTS }, () => connect(port, HOST));
  await all;
  return clients;
}

describe('Listeners', () => {
  it('accept many connections in each turn of the event loop', async () => {
    expect(await turnsToAccept(await open())).toBeLessThan(MOST_TURNS);
  });

  it('answer whichever took the connection', async () => {
    const port = await open();
    const replies = await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        const [response] = await once(get({ port, host: HOST, agent: false }), 'response');
        response.resume();
        return response.statusCode as number;
      }),
    );
    expect(new Set(replies)).toEqual(new Set([200]));
  });

  it('refuse a port that others have taken by sharing it', async () => {
    const port = await open();
    const others = new Listeners();
    const second = createHttpServer();
    const opened = others.open(second, () => Promise.reject(new Error('was not asked for')), { host: HOST, port });
    await expect(opened).rejects.toThrow('EADDRINUSE');
  });

  it('take no more connections once closed, and end when theirs do', async () => {
    const port = await open();
    const clients = await acceptedClients(port);
    let isClosed = false;
    server.close();
    const closed = listeners.close().then(() => (isClosed = true));
    const [late] = await once(connect(port, HOST), 'error');
    expect((late as NodeJS.ErrnoException).code).toBe('ECONNREFUSED');
    expect(isClosed).toBe(process.platform !== 'linux');
    for (const client of clients) client.destroy();
    await closed;
  });
});
