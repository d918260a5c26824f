import { expect } from '@jest/globals';
import type { Client } from 'pg';
import { erasureToken } from '../../src/prediction-log/chain/erasure-tokens.js';
import { referenceHmac } from '../../src/prediction-log/chain/reference-hmac.js';

/** Records that the data of `application-1` were erased, later than anything. */
export async function recordErasure(client: Client, chainKey: string): Promise<void> {
  await client.query(
    `INSERT INTO prediction_erasures (id, reference_hmac, row_count, request_id, group_id, group_index)
     VALUES ('ffffffff-ffff-7fff-bfff-ffffffffffff', $1, 0, 'r', gen_random_uuid(), 0)`,
    [referenceHmac('application-1', chainKey)],
  );
}

/** That a prediction is in the table, without its subject's data. */
export async function expectErased(client: Client, id: string): Promise<void> {
  const { rows } = await client.query('SELECT reference, inputs, salt, subject_hash FROM predictions WHERE id = $1', [
    id,
  ]);
  expect(rows).toEqual([{ reference: null, inputs: null, salt: null, subject_hash: expect.any(Buffer) }]);
}

/** That it was erased late, and that the one record of late erasures names it. */
export async function expectErasedLate(client: Client, id: string, chainKey: string): Promise<void> {
  await expectErased(client, id);
  const { rows } = await client.query(`SELECT row_count, tokens FROM prediction_erasures WHERE kind = 'late'`);
  expect(rows).toEqual([{ row_count: 1, tokens: erasureToken(id, chainKey) }]);
}
