import { DomainError } from '../../src/common/errors/domain-error.js';

/** The DomainError that `action` throws, to look into. */
export function domainErrorOf(action: () => unknown): DomainError {
  try {
    action();
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('expected a DomainError, nothing was thrown');
}
