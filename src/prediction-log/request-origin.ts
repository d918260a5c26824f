import { Injectable } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { FastifyRequest } from 'fastify';
import { traceId } from '../common/http/request-context.js';
import type { Env } from '../config/env.schema.js';
import type { LogEntry } from './prediction-record.js';

/** Longer names are cut: they are the gateway's, not the client's, and kept for years. */
const MAX_CALLER_LENGTH = 256;

export type Origin = Pick<LogEntry, 'requestId' | 'traceId' | 'caller'>;

/** Says of a request what the log keeps of it. */
@Injectable()
export class RequestOrigin {
  private readonly callerHeader: string | undefined;

  constructor(config: ConfigService<Env, true>) {
    this.callerHeader = config.get('CALLER_HEADER', { infer: true });
  }

  of(request: FastifyRequest): Origin {
    return { requestId: request.id, traceId: traceId(request) ?? null, caller: this.callerOf(request) };
  }

  callerOf({ headers }: FastifyRequest): string | null {
    const given = this.callerHeader === undefined ? undefined : headers[this.callerHeader];
    return typeof given === 'string' && given !== '' ? given.slice(0, MAX_CALLER_LENGTH) : null;
  }
}
