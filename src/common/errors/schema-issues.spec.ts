import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { invalidRequest } from './schema-issues.js';

const schema = z.strictObject({ rows: z.array(z.strictObject({ id: z.string().max(3), n: z.int() })) });

function errorsOf(value: unknown) {
  return invalidRequest(schema.safeParse(value).error!.issues).errors;
}

describe('invalidRequest', () => {
  it('says where each issue is', () => {
    expect(errorsOf({ rows: [{ id: 'a', n: 1 }, { id: 'b' }] })).toEqual([
      { path: 'rows.1.n', message: expect.stringContaining('expected number') },
    ]);
  });

  it('counts unknown members without repeating their names', () => {
    expect(errorsOf({ rows: [], 's3cr3t-marker': 1, other: 2 })).toEqual([
      { path: '', message: 'has 2 member(s) that are not part of this request' },
    ]);
  });

  it.each([{ rows: [{ id: 's3cr3t-marker', n: 987_654.25 }] }, { rows: 's3cr3t-marker' }, 's3cr3t-marker'])(
    'repeats no value of %j',
    (value) => {
      expect(JSON.stringify(errorsOf(value))).not.toMatch(/s3cr3t-marker|987654/);
    },
  );
});
