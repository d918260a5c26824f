import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import { Counter, Registry } from 'prom-client';
import { testConfig } from '../../../test/support/test-config.js';
import { DomainError } from '../../common/errors/domain-error.js';
import { BatchAdmission } from './batch-admission.js';

const LARGE = '1000000';

const shed = new Counter({ name: 'shed', help: '-', labelNames: ['reason'], registers: [new Registry()] });

const admissionOf = (limit: string) => new BatchAdmission(testConfig({ BATCH_MAX_PENDING: limit }), shed);

/** One batch that arrives; `refusal` is what the hook said against it, and `close` ends its reply. */
function arrive(admission: BatchAdmission, contentLength: string | undefined) {
  const raw = new EventEmitter();
  let refusal: Error | undefined;
  const done = ((error?: Error) => (refusal = error)) as HookHandlerDoneFunction;
  const request = { headers: { 'content-length': contentLength } } as FastifyRequest;
  admission.onRequest.call(undefined as never, request, { raw } as unknown as FastifyReply, done);
  return { refusal, request, close: () => raw.emit('close') };
}

describe('BatchAdmission', () => {
  it('admits large batches up to BATCH_MAX_PENDING and refuses one more as OVERLOADED', () => {
    const admission = admissionOf('2');
    expect(arrive(admission, LARGE).refusal).toBeUndefined();
    expect(arrive(admission, LARGE).refusal).toBeUndefined();
    const { refusal } = arrive(admission, LARGE);
    expect(refusal).toBeInstanceOf(DomainError);
    expect(refusal).toMatchObject({ code: 'OVERLOADED', retryAfterSeconds: 1 });
  });

  it('admits the next when one ends, and the refused ones end nothing', () => {
    const admission = admissionOf('1');
    const first = arrive(admission, LARGE);
    arrive(admission, LARGE).close();
    expect(arrive(admission, LARGE).refusal).toBeDefined();
    first.close();
    expect(arrive(admission, LARGE).refusal).toBeUndefined();
  });

  it('keeps the place of a batch that is worked on, also when its client has gone', async () => {
    const admission = admissionOf('1');
    const { request, close } = arrive(admission, LARGE);
    const work = Promise.withResolvers<string>();
    const answered = admission.answering(request, () => work.promise);
    close();
    expect(arrive(admission, LARGE).refusal).toBeDefined();
    work.resolve('done');
    expect(await answered).toBe('done');
    expect(arrive(admission, LARGE).refusal).toBeUndefined();
  });

  it('keeps the place of a batch that was answered until its reply has left', async () => {
    const admission = admissionOf('1');
    const { request, close } = arrive(admission, LARGE);
    await expect(admission.answering(request, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(arrive(admission, LARGE).refusal).toBeDefined();
    close();
    expect(arrive(admission, LARGE).refusal).toBeUndefined();
  });

  it('counts what it refuses', async () => {
    shed.reset();
    const admission = admissionOf('1');
    arrive(admission, LARGE);
    arrive(admission, LARGE);
    arrive(admission, LARGE);
    expect((await shed.get()).values).toEqual([{ labels: { reason: 'large_batches' }, value: 2 }]);
  });

  it('counts a batch of unknown length as large', () => {
    const admission = admissionOf('1');
    arrive(admission, undefined);
    expect(arrive(admission, undefined).refusal).toBeDefined();
  });

  it('lets small batches pass, whatever is under way', () => {
    const admission = admissionOf('1');
    arrive(admission, LARGE);
    expect(arrive(admission, '16384').refusal).toBeUndefined();
    expect(arrive(admission, '16385').refusal).toBeDefined();
  });
});
