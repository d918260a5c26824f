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
  | { kind: 'cut'; afterBytes: number }
  /**
   * The next connection whose client sends something, or something with this text in it, stalls: nothing passes either way,
   * not even its end, until the mode changes. The others go on.
   */
  | { kind: 'stall'; sends?: string }
  /**
   * Open connections end for their clients alone. The server's sides stay open and silent until they are reset or the proxy
   * closes, as after a host has lost power; connections that come later pass.
   */
  | { kind: 'vanish' };

interface Connection {
  client: Socket;
  server: Socket;
  vanished: boolean;
}

/** Stands between a client and a server, on a loopback port of its own, and breaks the connection in ways that networks do. */
export class TcpProxy {
  private readonly listener = net.createServer((client) => this.accept(client));
  private readonly sockets = new Set<Socket>();
  private readonly connections = new Set<Connection>();
  private readonly events = new EventEmitter<{ mode: []; silence: [] }>().setMaxListeners(0);
  private mode: ProxyMode = { kind: 'pass' };
  private stalled: Connection | undefined;

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

  /** Resolves when the next reply falls silent, or a connection stalls. */
  async silence(): Promise<void> {
    await once(this.events, 'silence');
  }

  async setMode(mode: ProxyMode): Promise<void> {
    this.change(mode);
    if (mode.kind === 'vanish') this.vanish();
    if (mode.kind === 'refuse' || mode.kind === 'reset') this.sockets.forEach((socket) => socket.resetAndDestroy());
    if (mode.kind === 'refuse') await this.stopListening();
    else await this.listen();
  }

  async close(): Promise<void> {
    this.sockets.forEach((socket) => socket.destroy());
    this.change({ kind: 'pass' });
    await this.stopListening();
  }

  private change(mode: ProxyMode): void {
    this.mode = mode;
    this.stalled = undefined;
    this.events.emit('mode');
  }

  private vanish(): void {
    for (const connection of this.connections) {
      connection.vanished = true;
      connection.client.destroy();
    }
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
    const connection = { client, server, vanished: false };
    this.connections.add(connection);
    client.on('close', () => void this.endServer(connection));
    void this.relay(connection, client, server, async (chunk) => {
      if (this.isToStall(chunk)) this.stall(connection);
      await this.passable(connection);
      await passOn(chunk, server);
    });
    let repliedBytes = 0;
    void this.relay(connection, server, client, async (chunk) => {
      await this.passable(connection);
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

  private isToStall(chunk: Buffer): boolean {
    return this.mode.kind === 'stall' && !this.stalled && chunk.includes(this.mode.sends ?? '');
  }

  private stall(connection: Connection): void {
    this.stalled = connection;
    this.events.emit('silence');
  }

  /** Resolves once what has come through a connection may go on. */
  private async passable(connection: Connection): Promise<void> {
    while (this.stalled === connection) await once(this.events, 'mode');
    if (connection.vanished && !connection.server.destroyed) await once(connection.server, 'close');
  }

  private async endServer(connection: Connection): Promise<void> {
    await this.passable(connection);
    connection.server.destroy();
    this.connections.delete(connection);
  }

  private async relay(
    connection: Connection,
    from: Socket,
    to: Socket,
    deliver: (chunk: Buffer) => Promise<void>,
  ): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) await deliver(chunk);
      await this.passable(connection);
      to.end();
    } catch {
      await this.passable(connection);
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
      case 'stall':
      case 'vanish':
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
