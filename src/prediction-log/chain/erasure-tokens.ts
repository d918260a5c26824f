import { createHmac } from 'node:crypto';
import { CanonicalBytes } from './canonical-bytes.js';

export const TOKEN_BYTES = 32;

const encoder = new CanonicalBytes();

/**
 * Says of a row that it was erased by who has the key: nobody else can make one for another row, nor tell which row it names.
 *
 * @param id of the row
 * @param key PREDICTION_LOG_CHAIN_KEY
 */
export function erasureToken(id: string, key: string): Buffer {
  return createHmac('sha256', key).update(encoder.start().text('erased').text(id).finish()).digest();
}

/**
 * @returns `[n, TOKEN_BYTES]`, sorted: their order tells nothing of the rows'
 */
export function erasureTokens(ids: readonly string[], key: string): Buffer {
  return Buffer.concat(ids.map((id) => erasureToken(id, key)).toSorted((a, b) => a.compare(b)));
}
