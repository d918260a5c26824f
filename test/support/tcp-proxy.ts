import { EventEmitter, once } from 'node:events';
import net, { type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const SLOW_STEP_MS = 20;

/** What the network does to connections. It holds for the ones that are open, too. */
export type ProxyMode =
  | { kind: 'pass' }
  /** Nothing listens, and open connections are reset. */
  | { kind: 'refuse' }
  /** Connections are accepted and reset. */
  | { kind: 'reset' }
  /** Connections are accepted, and replies stop after so many bytes, at once by default, until the mode changes. */
  | { kind: 'silent'; afterBytes?: number }
  /** Replies come at this rate. */
  | { kind: 'slow'; bytesPerSecond: number }
  /** A connection is closed once this many bytes of replies have come. */
  | { kind: 'cut'; afterBytes: number };

/** Stands between a client and a server, on a loopback port of its own, and breaks the connection in ways that networks do. */
export class TcpProxy {
  private readonly listener = net.createServer((client) => this.accept(client));
  private readonly sockets = new Set<Socket>();
  private readonly events = new EventEmitter<{ mode: []; silence: [] }>().setMaxListeners(0);
  private mode: ProxyMode = { kind: 'pass' };

  private constructor(
    private readonly target: URL,
    private port = 0,
  ) {}

  /** @param target URL of the server */
  static async start(target: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(new URL(target));
    await proxy.listen();
    return proxy;
  }

  /** The same URL by way of the proxy. */
  get url(): string {
    const url = new URL(this.target);
    url.host = `127.0.0.1:${this.port}`;
    return url.href.replace(/\/$/, '');
  }

  get openConnections(): number {
    return this.sockets.size;
  }

  /** Resolves when the next reply falls silent. */
  async silence(): Promise<void> {
    await once(this.events, 'silence');
  }

  async setMode(mode: ProxyMode): Promise<void> {
    this.mode = mode;
    this.events.emit('mode');
    if (mode.kind === 'refuse' || mode.kind === 'reset') this.sockets.forEach((socket) => socket.resetAndDestroy());
    if (mode.kind === 'refuse') await this.stopListening();
    else await this.listen();
  }

  async close(): Promise<void> {
    this.sockets.forEach((socket) => socket.destroy());
    this.mode = { kind: 'pass' };
    this.events.emit('mode');
    await this.stopListening();
  }

  private async listen(): Promise<void> {
    if (this.listener.listening) return;
    this.listener.listen(this.port, '127.0.0.1');
    await once(this.listener, 'listening');
    this.port = (this.listener.address() as net.AddressInfo).port;
  }

  private async stopListening(): Promise<void> {
    if (!this.listener.listening) return;
    this.listener.close();
    await once(this.listener, 'close');
  }

  private accept(client: Socket): void {
    this.track(client);
    if (this.mode.kind === 'reset') {
      client.resetAndDestroy();
      return;
    }
    const server = net.connect(Number(this.target.port), this.target.hostname);
    this.track(server);
    client.on('close', () => server.destroy());
    void this.relay(client, server, (chunk) => passOn(chunk, server));
    let repliedBytes = 0;
    void this.relay(server, client, async (chunk) => {
      await this.reply(chunk, client, repliedBytes);
      repliedBytes += chunk.byteLength;
    });
  }

  private track(socket: Socket): void {
    this.sockets.add(socket);
    // What breaks a connection is the point of a proxy like this.
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
  }

  private async relay(from: Socket, to: Socket, deliver: (chunk: Buffer) => Promise<void>): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) await deliver(chunk);
      to.end();
    } catch {
      to.destroy();
    }
  }

  /** @param repliedBytes what has gone through the connection before */
  private async reply(chunk: Buffer, client: Socket, repliedBytes: number): Promise<void> {
    const { mode } = this;
    switch (mode.kind) {
      case 'slow':
        await passSlowly(chunk, client, mode.bytesPerSecond);
        break;
      case 'cut':
        await passOn(chunk.subarray(0, Math.max(0, mode.afterBytes - repliedBytes)), client);
        if (repliedBytes + chunk.byteLength >= mode.afterBytes) client.end();
        break;
      case 'silent': {
        const heardBytes = Math.max(0, (mode.afterBytes ?? 0) - repliedBytes);
        await passOn(chunk.subarray(0, heardBytes), client);
        if (heardBytes >= chunk.byteLength) break;
        this.events.emit('silence');
        await once(this.events, 'mode');
        await this.reply(chunk.subarray(heardBytes), client, repliedBytes + heardBytes);
        break;
      }
      case 'pass':
      case 'refuse':
      case 'reset':
        await passOn(chunk, client);
        break;
    }
  }
}

async function passOn(chunk: Buffer, to: Socket): Promise<void> {
  if (!to.write(chunk) && !to.destroyed) await Promise.race([once(to, 'drain'), once(to, 'close')]);
}

async function passSlowly(chunk: Buffer, to: Socket, bytesPerSecond: number): Promise<void> {
  const step = Math.max(1, Math.round((bytesPerSecond * SLOW_STEP_MS) / 1000));
  for (let start = 0; start < chunk.byteLength && !to.destroyed; start += step) {
    await delay(SLOW_STEP_MS);
    await passOn(chunk.subarray(start, start + step), to);
  }
}
