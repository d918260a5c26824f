import { createHmac } from 'node:crypto';

/**
 * Says whose data were erased to those alone who know the reference and the key.
 *
 * @param key PREDICTION_LOG_CHAIN_KEY
 */
export const referenceHmac = (reference: string, key: string): Buffer =>
  createHmac('sha256', key).update('reference').update('\0').update(reference).digest();
