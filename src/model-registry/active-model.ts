import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { DomainError } from '../common/errors/domain-error.js';
import type { ServedModel } from './served-model.js';

const RETRY_AFTER_SECONDS = 5;

/**
 * The one reference that serves.
 *
 * A request takes the reference and starts to score in the same turn of the event loop; a model that was replaced is
 * freed once the runs it has begun are done. So no request meets a freed model, and no lock is needed.
 */
@Injectable()
export class ActiveModel implements OnApplicationShutdown {
  private readonly logger = new Logger(ActiveModel.name);
  private readonly listeners: ((live: ServedModel, replaced: ServedModel | undefined) => void)[] = [];
  private model: ServedModel | undefined;

  /** @throws DomainError MODEL_NOT_READY */
  current(): ServedModel {
    if (!this.model) {
      throw new DomainError('MODEL_NOT_READY', {
        detail: 'No model is live yet. Try again, or see GET /health for the reason.',
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
    return this.model;
  }

  peek(): ServedModel | undefined {
    return this.model;
  }

  /** Calls the listener at every swap from now on. */
  onSwap(listener: (live: ServedModel, replaced: ServedModel | undefined) => void): void {
    this.listeners.push(listener);
  }

  /** Swaps the reference; the replaced model is drained and freed in the background. */
  activate(model: ServedModel): void {
    const replaced = this.model;
    this.model = model;
    for (const listener of this.listeners) listener(model, replaced);
    void replaced?.runner.dispose().catch((error: unknown) => {
      this.logger.error('A replaced model could not be freed', { ...replaced.ref, reason: String(error) });
    });
  }

  /** The same model, which goes on serving, by another alias: whoever holds the old object has what was true when it began. */
  nameAlias(alias: string | null): ServedModel {
    const model = this.current();
    this.model = { ...model, ref: { ...model.ref, alias } };
    return this.model;
  }

  /** Runs after the HTTP server has closed, when no request can need the model any more. */
  async onApplicationShutdown(): Promise<void> {
    const model = this.model;
    this.model = undefined;
    await model?.runner.dispose();
  }
}
