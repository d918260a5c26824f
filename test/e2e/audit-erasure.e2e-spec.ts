import { describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { clientOptions } from '../../src/database/client-options.js';
import { eraseResponseSchema, type PredictionRecord } from '../../src/prediction-log/audit/record.schemas.js';
import { referenceHmac } from '../../src/prediction-log/chain/reference-hmac.js';
import { lockErasures } from '../../src/prediction-log/erasure-lock.js';
import { idRange } from '../../src/prediction-log/scan/id-range.js';
import { onSnapshot } from '../../src/prediction-log/scan/snapshot.js';
import { verifyLog } from '../../src/prediction-log/verify/verify-log.js';
import { AUDIT_TOKEN, auditedApp } from '../support/audited-app.js';
import { eventually } from '../support/eventually.js';
import { logEntry } from '../support/log-entry.js';
import { expectDocumentedProblem } from '../support/problems.js';
import { testConfig } from '../support/test-config.js';
import { waitingLocks } from '../support/waiting-locks.js';

const audited = auditedApp();
const ROUTE = 'POST /predictions/erasures';

const DEPRECATION = {
  deprecation: '@1796083200',
  sunset: 'Tue, 01 Jun 2027 00:00:00 GMT',
  link: '</predictions/erasures>; rel="successor-version"',
};

async function erase(reference: string) {
  const { status, body } = await audited.send(ROUTE, { reference });
  expect({ status, body }).toMatchObject({ status: 201 });
  return eraseResponseSchema.strict().parse(body);
}

const sendBody = (type: string, body: string) =>
  request(audited.app.getHttpServer())
    .post('/predictions/erasures')
    .auth(AUDIT_TOKEN, { type: 'bearer' })
    .set('Content-Type', type)
    .send(body);

const get = async (id: string) => (await audited.send(`GET /predictions/${id}`)).body as PredictionRecord;

const sql = async (text: string, values: unknown[]) => (await audited.client.query(text, values)).rows as unknown[];

/** What does not fit, of everything that is in the log. */
async function findings() {
  const { env } = audited.database;
  const verify = () =>
    onSnapshot(clientOptions(testConfig(env)), (query) =>
      verifyLog(query, idRange(), env.PREDICTION_LOG_CHAIN_KEY, []),
    );
  return (await verify()).findings.described;
}

const predictWithKey = (key: string, path: string, body: object) =>
  request(audited.app.getHttpServer()).post(path).set('Idempotency-Key', key).send(body);

describe('POST /predictions/erasures', () => {
  it('erases inputs and reference, keeps the score and its model, and the chain still fits', async () => {
    const answer = await audited.predict('subject-1');
    const before = await get(answer.id);
    await audited.send(`POST /predictions/${answer.id}/outcome`, {
      defaulted: true,
      observedAt: new Date().toISOString(),
    });
    expect(await erase('subject-1')).toMatchObject({ predictions: 1, idempotencyRecords: 0 });
    expect(await get(answer.id)).toEqual({
      ...before,
      inputs: null,
      reference: null,
      erased: true,
      outcomes: [expect.objectContaining({ defaulted: true })],
    });
    expect(await sql('SELECT salt FROM predictions WHERE id = $1', [answer.id])).toEqual([{ salt: null }]);
    expect((await audited.send('POST /predictions/search', { reference: 'subject-1' })).body).toMatchObject({
      predictions: [],
    });
    expect(await findings()).toEqual([]);
  });

  it('erases every row of the reference and no other', async () => {
    const others = [await audited.predict('subject-2a'), await audited.predict()];
    const entry = logEntry({ rows: 2500 });
    await audited.record({ ...entry, rows: entry.rows.map((row) => ({ ...row, reference: 'subject-2' })) });
    expect(await erase('subject-2')).toMatchObject({ predictions: 2500 });
    expect(await sql('SELECT 1 FROM predictions WHERE reference = $1', ['subject-2'])).toEqual([]);
    for (const { id } of others) expect(await get(id)).toMatchObject({ erased: false });
    expect(await findings()).toEqual([]);
  });

  it('deletes the stored answers that the rows belong to, single or batch, so that a repetition is answered anew', async () => {
    const row = { features: [50, 0.5, 1] };
    const single = { data: row, reference: 'subject-3' };
    const batch = { data: [row, { ...row, reference: 'subject-3' }] };
    const first = await predictWithKey('key-1', '/predict', single);
    await predictWithKey('key-2', '/predict/batch', batch);
    await predictWithKey('key-3', '/predict', { data: row });
    expect(await erase('subject-3')).toMatchObject({ predictions: 2, idempotencyRecords: 2 });
    expect(await sql('SELECT key FROM idempotency_records', [])).toEqual([{ key: 'key-3' }]);
    const again = await predictWithKey('key-1', '/predict', single);
    expect(again.headers).not.toHaveProperty('idempotency-replayed');
    expect(again.body.id).not.toBe(first.body.id);
  });

  it('is itself recorded, for those alone who know the reference and the key', async () => {
    await audited.predict('subject-4');
    const answer = await audited.send(ROUTE, { reference: 'subject-4' }).set('X-Request-Id', 'erasure-1');
    const hmac = referenceHmac('subject-4', audited.database.env.PREDICTION_LOG_CHAIN_KEY);
    const erasures = await sql(
      'SELECT e.id, e.row_count, e.request_id, g.kind FROM prediction_erasures e JOIN chain_groups g ON g.id = e.group_id WHERE reference_hmac = $1',
      [hmac],
    );
    expect(erasures).toEqual([{ id: answer.body.id, row_count: 1, request_id: 'erasure-1', kind: 'erasure' }]);
  });

  it('records also that it found nothing: the rows may still be in a spool', async () => {
    expect(await erase('subject-5')).toMatchObject({ predictions: 0, idempotencyRecords: 0 });
    expect(await erase('subject-5')).toMatchObject({ predictions: 0, idempotencyRecords: 0 });
    const hmac = referenceHmac('subject-5', audited.database.env.PREDICTION_LOG_CHAIN_KEY);
    expect(await sql('SELECT row_count FROM prediction_erasures WHERE reference_hmac = $1', [hmac])).toHaveLength(2);
    expect(await findings()).toEqual([]);
  });

  it('erases once what two ask for at the same time', async () => {
    for (let i = 0; i < 5; i++) await audited.predict('subject-6');
    const erasures = await Promise.all([erase('subject-6'), erase('subject-6')]);
    expect(erasures.map(({ predictions }) => predictions)).toEqual(expect.arrayContaining([0, 5]));
  });

  it('waits for rows that are on their way out of a spool, and erases them too', async () => {
    const { id } = await audited.predict('subject-8');
    await sql('UPDATE predictions SET reference = NULL WHERE id = $1', [id]);
    await sql('BEGIN', []);
    await lockErasures(audited.client, 'shared');
    await sql('UPDATE predictions SET reference = $2 WHERE id = $1', [id, 'subject-8']);
    const erasure = erase('subject-8');
    await eventually(async () => expect(await waitingLocks(audited.client)).toBe(1));
    await sql('COMMIT', []);
    expect(await erasure).toMatchObject({ predictions: 1 });
    expect(await findings()).toEqual([]);
  });

  it('refuses what is on legal hold, and changes nothing', async () => {
    const { id } = await audited.predict('subject-7');
    await sql('INSERT INTO legal_holds (reference, reason) VALUES ($1, $2)', ['subject-7', 'case 2026/17']);
    const before = await get(id);
    const { detail } = expectDocumentedProblem(
      ROUTE,
      await audited.send(ROUTE, { reference: 'subject-7' }),
      'LEGAL_HOLD',
    );
    expect(detail).toContain('npm run log:hold');
    expect(detail).not.toContain('case 2026/17');
    expect(await get(id)).toEqual(before);
    const hmac = referenceHmac('subject-7', audited.database.env.PREDICTION_LOG_CHAIN_KEY);
    expect(await sql('SELECT 1 FROM prediction_erasures WHERE reference_hmac = $1', [hmac])).toEqual([]);
  });

  it.each([
    [{}, 'reference'],
    [{ reference: '' }, 'reference'],
    [{ reference: ['a', 'b'] }, 'reference'],
    [{ reference: 'a', to: '2026-01-01' }, ''],
  ])('refuses the body %j', async (body, path) => {
    const { id } = await audited.predict('a');
    const problem = expectDocumentedProblem(ROUTE, await audited.send(ROUTE, body), 'INVALID_REQUEST');
    expect(problem.errors).toMatchObject([{ path }]);
    expect(await get(id)).toMatchObject({ erased: false });
  });

  it('refuses a reference in its URL, and erases nothing', async () => {
    const { id } = await audited.predict('subject-of-the-body');
    const answer = await audited.send(`${ROUTE}?reference=other`, { reference: 'subject-of-the-body' });
    expectDocumentedProblem(ROUTE, answer, 'INVALID_REQUEST');
    expect(await get(id)).toMatchObject({ erased: false });
  });

  it('refuses a body that is no JSON, too large, or of another type', async () => {
    expectDocumentedProblem(ROUTE, await sendBody('application/json', '{'), 'INVALID_JSON');
    const large = await sendBody('application/json', ' '.repeat(64 * 1024 + 1));
    expectDocumentedProblem(ROUTE, large, 'PAYLOAD_TOO_LARGE');
    expectDocumentedProblem(ROUTE, await sendBody('text/plain', '7'), 'UNSUPPORTED_MEDIA_TYPE');
  });

  it('says when PostgreSQL refuses the record of it', async () => {
    await audited.client.query('ALTER TABLE prediction_erasures ADD CONSTRAINT refused CHECK (false) NOT VALID');
    try {
      const answer = await audited.send(ROUTE, { reference: 'subject-1' });
      expectDocumentedProblem(ROUTE, answer, 'PREDICTION_NOT_RECORDED');
    } finally {
      await audited.client.query('ALTER TABLE prediction_erasures DROP CONSTRAINT refused');
    }
  });
});

describe('DELETE /predictions', () => {
  const OLD_ROUTE = 'DELETE /predictions';

  it('does the same, and says which route to use in its place, and until when', async () => {
    const { id } = await audited.predict('subject-9');
    const answer = await audited.send(`${OLD_ROUTE}?reference=subject-9`);
    expect(answer).toMatchObject({ status: 200, body: { predictions: 1 }, headers: DEPRECATION });
    expect(await get(id)).toMatchObject({ erased: true });
  });

  it.each([
    ['', 'reference'],
    ['?reference=a&reference=b', 'reference'],
    ['?reference=a&to=2026-01-01', ''],
  ])('refuses the query %j', async (query, path) => {
    const problem = expectDocumentedProblem(OLD_ROUTE, await audited.send(OLD_ROUTE + query), 'INVALID_REQUEST');
    expect(problem.errors).toMatchObject([{ path }]);
  });

  it('takes a request that names a content type and has no body', async () => {
    const answer = await audited.send(`${OLD_ROUTE}?reference=nobody`).set('Content-Type', 'application/json');
    expect(answer.status).toBe(200);
  });
});
