import { once } from 'node:events';
import net from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TcpProxy } from './tcp-proxy.js';

const REPLY = Buffer.alloc(10_000, 'reply ');

/** Sends one byte and gives everything that comes back. */
async function ask(url: string): Promise<Buffer> {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
  socket.write('?');
  try {
    return await buffer(socket);
  } finally {
    socket.destroy();
  }
}

describe('TcpProxy', () => {
  let server: net.Server;
  let proxy: TcpProxy;

  beforeEach(async () => {
    server = net.createServer((socket) => socket.on('error', () => undefined).once('data', () => socket.end(REPLY)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await TcpProxy.start(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}`);
  });
  afterEach(async () => {
    await proxy.close();
    server.close();
    await once(server, 'close');
  });

  it('passes both ways', async () => {
    expect(await ask(proxy.url)).toEqual(REPLY);
  });

  it('refuses connections, and passes again on the same port', async () => {
    const { url } = proxy;
    await proxy.setMode({ kind: 'refuse' });
    await expect(ask(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await proxy.setMode({ kind: 'pass' });
    expect(await ask(url)).toEqual(REPLY);
  });

  it('resets connections', async () => {
    await proxy.setMode({ kind: 'reset' });
    await expect(ask(proxy.url)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('resets a connection that is open', async () => {
    await proxy.setMode({ kind: 'silent' });
    const reply = ask(proxy.url);
    await proxy.silence();
    await proxy.setMode({ kind: 'reset' });
    await expect(reply).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('says nothing until it may', async () => {
    await proxy.setMode({ kind: 'silent' });
    let replied = false;
    const reply = ask(proxy.url).then((bytes) => {
      replied = true;
      return bytes;
    });
    await proxy.silence();
    expect(replied).toBe(false);
    await proxy.setMode({ kind: 'pass' });
    expect(await reply).toEqual(REPLY);
  });

  it('falls silent in the middle of a reply', async () => {
    await proxy.setMode({ kind: 'silent', afterBytes: 1234 });
    const socket = net.connect(Number(new URL(proxy.url).port), '127.0.0.1');
    const reply = buffer(socket);
    socket.write('?');
    await proxy.silence();
    expect(socket.bytesRead).toBeLessThanOrEqual(1234);
    await proxy.setMode({ kind: 'pass' });
    expect(await reply).toEqual(REPLY);
  });

  it('cuts a reply after so many bytes', async () => {
    await proxy.setMode({ kind: 'cut', afterBytes: 1234 });
    expect(await ask(proxy.url)).toEqual(REPLY.subarray(0, 1234));
  });

  it('lets a reply trickle', async () => {
    await proxy.setMode({ kind: 'slow', bytesPerSecond: 40_000 });
    const startedAt = performance.now();
    expect(await ask(proxy.url)).toEqual(REPLY);
    expect(performance.now() - startedAt).toBeGreaterThan(200);
  });

  it('stalls one connection both ways, its end too, while the others go on', async () => {
    const atServer = once(server, 'connection') as Promise<[net.Socket]>;
    const socket = net.connect(Number(new URL(proxy.url).port), '127.0.0.1');
    const [stalled] = await atServer;
    await proxy.setMode({ kind: 'stall', sends: 'COMMIT' });
    const silence = proxy.silence();
    socket.write('COMMIT');
    await silence;
    stalled.write('a notice');
    expect(await ask(proxy.url)).toEqual(REPLY);
    expect([stalled.bytesRead, socket.bytesRead]).toEqual([0, 0]);
    socket.destroy();
    expect(await ask(proxy.url)).toEqual(REPLY);
    expect(stalled.readableEnded).toBe(false);
    await proxy.setMode({ kind: 'pass' });
    await once(stalled, 'close');
    expect(stalled.bytesRead).toBe('COMMIT'.length);
  });

  it('lets a connection that stalled go on where it was', async () => {
    await proxy.setMode({ kind: 'stall' });
    const silence = proxy.silence();
    const reply = ask(proxy.url);
    await silence;
    expect(await ask(proxy.url)).toEqual(REPLY);
    await proxy.setMode({ kind: 'pass' });
    expect(await reply).toEqual(REPLY);
  });

  it('lets a client vanish whose connection the server goes on to see', async () => {
    const atServer = once(server, 'connection') as Promise<[net.Socket]>;
    const socket = net.connect(Number(new URL(proxy.url).port), '127.0.0.1');
    const [left] = await atServer;
    await proxy.setMode({ kind: 'vanish' });
    await once(socket, 'close');
    expect(await ask(proxy.url)).toEqual(REPLY);
    expect([left.readableEnded, left.destroyed]).toEqual([false, false]);
  });

  it('leaves no connection open when it closes', async () => {
    await proxy.setMode({ kind: 'silent' });
    const reply = ask(proxy.url);
    await proxy.silence();
    await proxy.close();
    await Promise.allSettled([reply]);
    expect(proxy.openConnections).toBe(0);
  });
});
