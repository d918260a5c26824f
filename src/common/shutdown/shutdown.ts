import { once } from 'node:events';
import { Server as NetServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type INestApplication, Injectable, Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { FastifyInstance } from 'fastify';
import type { Env } from '../../config/env.schema.js';
import { Listeners } from '../http/listeners.js';

/** Ample for a request that had set out on a connection when the listener closed. */
const LINGER_MS = 100;

/**
 * Ends the process without failing a request, made for rolling updates: say "not ready", go on answering until load
 * balancers have noticed, close the listener, finish what is in flight, then close everything else in order.
 */
@Injectable()
export class Shutdown {
  private readonly logger = new Logger(Shutdown.name);
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
  }

  /** @returns whether everything closed within SHUTDOWN_GRACE_MS, without cutting a request */
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
    await drain(server, this.listeners);
    clearTimeout(cut);
    await app.close();
    this.logger.log('Shut down');
    return inTime;
  }
}

/**
 * Takes no more connections and waits for those that there are. http.Server's own close would cut at once every
 * connection without a request, and so those whose request is still on its way.
 */
async function drain(server: FastifyInstance['server'], others: Listeners): Promise<void> {
  const closed = once(server, 'close');
  NetServer.prototype.close.call(server);
  const sweep = setInterval(() => server.closeIdleConnections(), LINGER_MS);
  await Promise.all([closed, others.close()]);
  clearInterval(sweep);
}
