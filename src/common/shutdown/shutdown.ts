import { setTimeout as delay } from 'node:timers/promises';
import { type INestApplication, Injectable, Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { FastifyInstance } from 'fastify';
import type { Env } from '../../config/env.schema.js';

/**
 * Ends the process without failing a request, made for rolling updates: say "not ready", go on answering until load
 * balancers have noticed, close the listener, finish what is in flight, then close everything else in order.
 */
@Injectable()
export class Shutdown {
  private readonly logger = new Logger(Shutdown.name);
  private begun = false;
  private fastify: FastifyInstance | undefined;

  constructor(private readonly config: ConfigService<Env, true>) {}

  get isBegun(): boolean {
    return this.begun;
  }

  /** Asks clients to take a new connection, which will reach another instance. */
  observe(fastify: FastifyInstance): void {
    this.fastify = fastify;
    fastify.addHook('onSend', (_request, reply, _payload, done) => {
      if (this.begun) void reply.header('Connection', 'close');
      done();
    });
  }

  /** @returns whether everything closed within SHUTDOWN_GRACE_MS, without cutting a connection */
  async run(app: INestApplication): Promise<boolean> {
    const delayMs = this.config.get('SHUTDOWN_DELAY_MS', { infer: true });
    const graceMs = this.config.get('SHUTDOWN_GRACE_MS', { infer: true });
    this.begun = true;
    this.logger.log('Shutting down', { delayMs, graceMs });
    let inTime = true;
    const cut = setTimeout(() => {
      inTime = false;
      this.logger.error('Requests were still in flight at the end of SHUTDOWN_GRACE_MS; cutting them');
      this.fastify?.server.closeAllConnections();
    }, graceMs);
    await delay(delayMs);
    await app.close();
    clearTimeout(cut);
    this.logger.log('Shut down');
    return inTime;
  }
}
