import { DomainError } from '../common/errors/domain-error.js';

/** @param path of the features in the request, such as `data.3.features` */
export const noProbability = (path: string): DomainError =>
  new DomainError('NO_PROBABILITY', {
    detail:
      'The live model gives no number from 0 to 1 for these features, so there is no answer. Look for values far outside ' +
      'the ranges that GET /meta shows, and tell who trained the model.',
    errors: [{ path, message: 'get no probability from the live model' }],
  });
