import { once } from 'node:events';
import { Server as NetServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type INestApplication, Injectable, Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { FastifyInstance } from 'fastify';
import type { Env } from '../../config/env.schema.js';
import { endsWithin } from '../ends-within.js';
import { Listeners } from '../http/listeners.js';

/** Ample for a request that had set out on a connection when the listener closed. */
const LINGER_MS = 100;
/** For what is left once the last request was answered: a statement that runs may take its whole time, and others hang. */
const CLOSE_MS = 10_000;

/**
 * Ends the process without failing a request, made for rolling updates: say "not ready", go on answering until load
 * balancers have noticed, close the listener, finish what is in flight, then close everything else in order.
 */
@Injectable()
export class Shutdown {
  private readonly logger = new Logger(Shutdown.name);
  private readonly sockets = new Set<Socket>();
  private begun = false;

  constructor(
    private readonly config: ConfigService<Env, true>,
    private readonly listeners: Listeners,
  ) {}

  get isBegun(): boolean {
    return this.begun;
  }

  /** Asks clients, once the end has begun, to take a new connection: it will reach another instance. */
  observe(fastify: FastifyInstance): void {
    fastify.addHook('onSend', (_request, reply, _payload, done) => {
      if (this.begun) void reply.header('Connection', 'close');
      done();
    });
    fastify.server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  /** @returns whether requests ended within SHUTDOWN_GRACE_MS and everything closed after that */
  async run(app: INestApplication): Promise<boolean> {
    const delayMs = this.config.get('SHUTDOWN_DELAY_MS', { infer: true });
    const graceMs = this.config.get('SHUTDOWN_GRACE_MS', { infer: true });
    const server: FastifyInstance['server'] = app.getHttpServer();
    this.begun = true;
    this.logger.log('Shutting down', { delayMs, graceMs });
    let inTime = true;
    const cut = setTimeout(() => {
      inTime = false;
      this.logger.error('Requests were still in flight at the end of SHUTDOWN_GRACE_MS; cutting them');
      server.closeAllConnections();
    }, graceMs);
    await delay(delayMs);
    await this.drain(server);
    clearTimeout(cut);
    if (!(await this.close(app))) inTime = false;
    this.logger.log('Shut down');
    return inTime;
  }

  private async close(app: INestApplication): Promise<boolean> {
    try {
      if (await endsWithin(CLOSE_MS, app.close())) return true;
      this.logger.error('Something does not close; ending without it', { waitedMs: CLOSE_MS });
    } catch (error) {
      this.logger.error('Something failed to close; ending without it', { reason: (error as Error).message });
    }
    return false;
  }

  /**
   * Takes no more connections and waits for those that there are. http.Server's own close would cut at once every
   * connection without a request, and so those whose request is still on its way.
   */
  private async drain(server: FastifyInstance['server']): Promise<void> {
    const closed = once(server, 'close');
    NetServer.prototype.close.call(server);
    const sweep = setInterval(() => {
      server.closeIdleConnections();
      // Those that a balancer keeps for later have never sent anything, which is not what Node.js calls idle.
      for (const socket of this.sockets) if (socket.bytesRead === 0) socket.destroy();
    }, LINGER_MS);
    await Promise.all([closed, this.listeners.close()]);
    clearInterval(sweep);
  }
}
