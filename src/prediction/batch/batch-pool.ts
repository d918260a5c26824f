import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { Piscina } from 'piscina';
import { DomainError, type InputIssue } from '../../common/errors/domain-error.js';
import type { ErrorCode } from '../../common/errors/error-codes.js';
import { isAlone } from '../../common/http/free-bytes.js';
import type { Env } from '../../config/env.schema.js';
import type { ScoringSpec, ServedModel } from '../../model-registry/served-model.js';
import type { BatchAnswer } from './batch-answer.js';

export interface BatchTask {
  body: Uint8Array<ArrayBuffer>;
  spec: ScoringSpec;
  onnx: Uint8Array<SharedArrayBuffer>;
  /** See {@link answerBatch}. */
  records: boolean;
}

export type BatchOutcome =
  | { answer: BatchAnswer; failure?: never }
  | { answer?: never; failure: { code: ErrorCode; detail: string; errors: readonly InputIssue[] | undefined } };

/** Token for the URL of the worker's compiled module: only the entry point knows where it was built to. */
export const BATCH_WORKER_URL = Symbol('BATCH_WORKER_URL');

/**
 * Single predictions come first where there are fewer cores than threads. Measured on two cores with the load beside:
 * at 5 batches multiply the p99 of single rows by almost five, at 10 by three, and at 19 they starve instead.
 */
const BATCH_NICENESS = 10;

/** Threads that answer large batches, so that single predictions do not wait for them. */
@Injectable()
export class BatchPool implements OnApplicationShutdown {
  private readonly pool: Piscina<BatchTask, BatchOutcome>;
  private readonly underWay = new Set<Promise<BatchOutcome>>();

  constructor(config: ConfigService<Env, true>, @Inject(BATCH_WORKER_URL) worker: URL) {
    this.pool = new Piscina({
      filename: worker.href,
      minThreads: 0,
      maxThreads: config.get('BATCH_WORKERS', { infer: true }),
      idleTimeout: Infinity,
      niceIncrement: BATCH_NICENESS,
    });
  }

  /**
   * Answers a batch in a worker thread.
   *
   * @param body the request's bytes; moved to the worker, so they are gone afterwards
   * @param records whether the answer's rows are wanted
   * @throws DomainError as {@link answerBatch}
   */
  async answer(body: Buffer<ArrayBuffer>, model: ServedModel, records: boolean): Promise<BatchAnswer> {
    const { ref, inputs, threshold, output, onnx } = model;
    const task = { body, spec: { ref, inputs, threshold, output }, onnx, records };
    const { answer, failure } = await this.run(task, isAlone(body) ? [body.buffer] : []);
    if (answer) return answer;
    throw new DomainError(failure.code, {
      detail: failure.detail,
      ...(failure.errors && { errors: failure.errors }),
    });
  }

  /**
   * Waits also for batches whose clients went away: a thread that ends within onnxruntime takes the process along. The
   * pool's own `close` does not wait for all of them where several threads work.
   */
  async onApplicationShutdown(): Promise<void> {
    await Promise.allSettled(this.underWay);
    await this.pool.destroy();
  }

  private async run(task: BatchTask, transferList: ArrayBuffer[]): Promise<BatchOutcome> {
    const outcome = this.pool.run(task, { transferList });
    this.underWay.add(outcome);
    try {
      return await outcome;
    } finally {
      this.underWay.delete(outcome);
    }
  }
}
