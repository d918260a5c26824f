import { DomainError } from '../../common/errors/domain-error.js';

const RETRY_AFTER_SECONDS = 1;

export const inProgress = (): DomainError =>
  new DomainError('IDEMPOTENCY_IN_PROGRESS', {
    detail: 'A request with this Idempotency-Key is being answered. Try again for its answer.',
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
