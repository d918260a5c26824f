import { DomainError } from '../../common/errors/domain-error.js';

const RETRY_AFTER_SECONDS = 2;

export const logUnavailable = (cause?: unknown): DomainError =>
  new DomainError('PREDICTION_LOG_UNAVAILABLE', {
    detail: 'This request could not be recorded in time, so it is not answered. Try again.',
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    cause,
  });

export const logFull = (): DomainError =>
  new DomainError('PREDICTION_LOG_FULL', {
    detail: 'As many answers as this instance may hold wait to be recorded. Try again.',
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });

/** The cause stays out of it: what PostgreSQL says of a row it refuses may quote the row. */
export const notRecorded = (): DomainError =>
  new DomainError('PREDICTION_NOT_RECORDED', {
    detail:
      'PostgreSQL refuses to record this request, so it is not answered. Trying again will not help; see the log.',
  });
