import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { DomainError } from '../common/errors/domain-error.js';
import type { ServedModel } from './served-model.js';

const RETRY_AFTER_SECONDS = 5;

/** The one reference that serves. */
@Injectable()
export class ActiveModel implements OnApplicationShutdown {
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

  activate(model: ServedModel): void {
    this.model = model;
  }

  /** Runs after the HTTP server has closed, when no request can need the model any more. */
  async onApplicationShutdown(): Promise<void> {
    const model = this.model;
    this.model = undefined;
    await model?.runner.dispose();
  }
}
