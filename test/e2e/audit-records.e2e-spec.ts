import { describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { newId } from '../../src/common/ids/new-id.js';
import { predictionPageSchema, predictionRecordSchema } from '../../src/prediction-log/audit/record.schemas.js';
import { auditedApp } from '../support/audited-app.js';
import { logEntry, predictionRow, scoringContextFixture } from '../support/log-entry.js';
import { expectDocumentedProblem } from '../support/problems.js';

const audited = auditedApp({ CALLER_HEADER: 'X-Caller' });

async function get(id: string) {
  const { status, body } = await audited.send(`GET /predictions/${id}`);
  expect({ status, body }).toMatchObject({ status: 200 });
  return predictionRecordSchema.strict().parse(body);
}

const sendSearch = (type: string, body: string) => audited.send('POST /predictions/search').type(type).send(body);

async function list(query: Record<string, string | number>) {
  const { status, body } = await audited.send('POST /predictions/search', query);
  expect({ status, body }).toMatchObject({ status: 200 });
  const { predictions, nextCursor } = predictionPageSchema.strict().parse(body);
  return { ids: predictions.map(({ id }) => id), predictions, nextCursor };
}

/** Records one row for each time, all with the same reference. */
async function recordAt(times: readonly string[], reference: string, modelVersion = '7'): Promise<string[]> {
  const context = scoringContextFixture({ modelVersion });
  const ids = times.map((time) => newId(Date.parse(time)));
  for (const id of ids) await audited.record({ ...logEntry(), context, rows: [predictionRow({ id, reference })] });
  return ids;
}

const between = async (from?: string, to?: string) =>
  (await list({ reference: 'by-time', ...(from !== undefined && { from }), ...(to !== undefined && { to }) })).ids;

const TIMES = ['2026-09-30T23:59:59.999Z', '2026-10-01T00:00:00.000Z', '2026-11-15T12:00:00.000Z'];

describe('GET /predictions/{id}', () => {
  it('shows what was answered, from what and by which model', async () => {
    const answer = await audited.predict('application-1', [50, null, 1]);
    const record = await get(answer.id);
    expect(record).toMatchObject({
      id: answer.id,
      reference: 'application-1',
      inputs: { credit_limit: 50, utilisation: null, months_late: 1 },
      probability: answer.probability,
      prediction: answer.prediction,
      threshold: answer.threshold,
      model: answer.model,
      defaultClass: { label: '1', from: 'labels' },
      warnings: null,
      batchId: null,
      rowIndex: null,
      platform: `${process.platform}/${process.arch}`,
      erased: false,
      outcomes: [],
    });
    expect(Math.abs(Date.parse(record.predictedAt) - Date.now())).toBeLessThan(60_000);
  });

  it('gives inputs that are the same float32 when they are sent again', async () => {
    const { id, probability } = await audited.predict(undefined, [0.1, 1 / 3, 2]);
    const { inputs, reference } = await get(id);
    expect(reference).toBeNull();
    expect(Object.values(inputs!).map((value) => Math.fround(value!))).toEqual([0.1, 1 / 3, 2].map(Math.fround));
    expect((await audited.predict(undefined, Object.values(inputs!))).probability).toBe(probability);
  });

  it('says who asked, in which request and trace, and what was out of range', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const { body } = await request(audited.app.getHttpServer())
      .post('/predict')
      .set({ 'X-Caller': 'web-shop', 'X-Request-Id': 'request-42', traceparent: `00-${trace}-b7ad6b7169203331-01` })
      .send({ data: { features: [-1, 0.5, 1] } });
    expect(await get(body.id)).toMatchObject({
      caller: 'web-shop',
      requestId: 'request-42',
      traceId: trace,
      warnings: [{ feature: 'credit_limit', code: 'OUT_OF_RANGE' }],
    });
  });

  it('shows the rows of a batch by their place in it', async () => {
    const data = ['first', 'second'].map((reference) => ({ features: [50, 0.5, 1], reference }));
    const { body } = await request(audited.app.getHttpServer()).post('/predict/batch').send({ data });
    const records = await Promise.all((body.predictions as { id: string }[]).map(({ id }) => get(id)));
    expect(records).toMatchObject([
      { reference: 'first', rowIndex: 0 },
      { reference: 'second', rowIndex: 1 },
    ]);
    expect(records[0]!.batchId).toBe(records[1]!.batchId);
    expect(records[0]!.batchId).not.toBeNull();
  });

  it('names its place in the chain, and says when that is missing', async () => {
    const entry = logEntry({ rows: 3 });
    await audited.record(entry);
    const last = entry.rows[2]!.id;
    const { rows } = await audited.client.query<{ id: string; writer: string; sequence: string }>(
      'SELECT g.id, writer, sequence FROM chain_groups g JOIN predictions p ON p.group_id = g.id WHERE p.id = $1',
      [last],
    );
    const [group] = rows;
    expect((await get(last)).chain).toEqual({ writer: group!.writer, sequence: Number(group!.sequence), index: 2 });
    await audited.client.query('DELETE FROM chain_groups WHERE id = $1', [group!.id]);
    expect((await get(last)).chain).toBeNull();
  });

  it('says that there is no such prediction', async () => {
    const answer = await audited.send(`GET /predictions/${newId()}`);
    expectDocumentedProblem('GET /predictions/{id}', answer, 'PREDICTION_NOT_FOUND');
  });

  it.each(['42', 'application-1', `${newId()}0`])('refuses %s, which is no id', async (id) => {
    const answer = await audited.send(`GET /predictions/${id}`);
    const { errors } = expectDocumentedProblem('GET /predictions/{id}', answer, 'INVALID_REQUEST');
    expect(errors).toMatchObject([{ path: 'id' }]);
  });
});

describe('POST /predictions/search', () => {
  it('gives the records of a reference from the newest to the oldest', async () => {
    const [september, october, november] = await recordAt(TIMES, 'by-reference');
    expect((await list({ reference: 'by-reference' })).ids).toEqual([november, october, september]);
  });

  it('gives the same of each as GET /predictions/{id}', async () => {
    const { id } = await audited.predict('the-same');
    expect((await list({ reference: 'the-same' })).predictions).toEqual([await get(id)]);
  });

  it('has an empty page for a reference or version that nobody used', async () => {
    for (const query of [{ reference: 'nobody' }, { version: 'none' }]) {
      expect(await list(query)).toMatchObject({ ids: [], nextCursor: null });
    }
  });

  it('takes `from` as the first moment and `to` as the first one after, as a time or as a date', async () => {
    const [september, october, november] = await recordAt(TIMES, 'by-time');
    expect(await between('2026-10-01')).toEqual([november, october]);
    expect(await between('2026-10-01T00:00:00.001Z')).toEqual([november]);
    expect(await between(undefined, '2026-10-01T02:00:00+02:00')).toEqual([september]);
    expect(await between('2026-09-30', '2026-10-02')).toEqual([october, september]);
  });

  it('finds by the version that scored, whatever alias or runtime it had', async () => {
    const ids = await recordAt(['2026-11-01T00:00:00Z'], 'by-version', '31');
    const context = scoringContextFixture({ modelVersion: '31', modelAlias: null });
    const row = predictionRow({ id: newId(Date.parse('2026-11-02')), reference: 'by-version' });
    await audited.record({ ...logEntry(), context, rows: [row] });
    await recordAt(['2026-11-03T00:00:00Z'], 'by-version', '32');
    expect((await list({ version: '31' })).ids).toEqual([row.id, ...ids]);
    expect((await list({ version: '31', to: '2026-11-02' })).ids).toEqual(ids);
  });

  it('shows each record once over all pages, while others arrive', async () => {
    const entry = logEntry({ rows: 25 });
    await audited.record({ ...entry, rows: entry.rows.map((row) => ({ ...row, reference: 'by-page' })) });
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await list({ reference: 'by-page', limit: 10, ...(cursor !== null && { cursor }) });
      seen.push(...page.ids);
      cursor = page.nextCursor;
      await audited.predict('by-page');
    } while (cursor !== null);
    expect(seen).toEqual(
      entry.rows
        .map(({ id }) => id)
        .toSorted()
        .toReversed(),
    );
  });

  it('has no next page when the last one is just full', async () => {
    await recordAt(TIMES.slice(0, 2), 'full-page');
    expect(await list({ reference: 'full-page', limit: 2 })).toMatchObject({ ids: { length: 2 }, nextCursor: null });
  });

  it('gives 100 records a page unless it is asked for more, of all that there are', async () => {
    const entry = logEntry({ rows: 1001 });
    await audited.record({ ...entry, rows: entry.rows.map((row) => ({ ...row, reference: null })) });
    expect((await list({})).ids).toHaveLength(100);
    expect((await list({ limit: 1000 })).ids).toHaveLength(1000);
  });

  it('gives cursors that say nothing of the reference', async () => {
    const [, last] = await recordAt(TIMES.slice(0, 2), 's3cr3t-subject');
    const { nextCursor } = await list({ reference: 's3cr3t-subject', limit: 1 });
    expect(Buffer.from(nextCursor!, 'base64url').toString('hex')).toBe(last!.replaceAll('-', ''));
  });

  it.each([
    [{ reference: '' }, 'reference'],
    [{ reference: 'x'.repeat(129) }, 'reference'],
    [{ reference: ['a', 'b'] }, 'reference'],
    [{ reference: 'a\u0000b' }, 'reference'],
    [{ from: 'yesterday' }, 'from'],
    [{ cursor: '1' }, 'cursor'],
    [{ limit: 0 }, 'limit'],
    [{ limit: '10' }, 'limit'],
    [{ ref: 'a' }, ''],
  ])('refuses the body %j', async (body, path) => {
    const answer = await audited.send('POST /predictions/search', body);
    const { errors } = expectDocumentedProblem('POST /predictions/search', answer, 'INVALID_REQUEST');
    expect(errors).toMatchObject([{ path }]);
  });

  it('refuses a body that is no JSON, too large, or of another type', async () => {
    const route = 'POST /predictions/search';
    expectDocumentedProblem(route, await sendSearch('application/json', '{'), 'INVALID_JSON');
    expectDocumentedProblem(
      route,
      await sendSearch('application/json', ' '.repeat(64 * 1024 + 1)),
      'PAYLOAD_TOO_LARGE',
    );
    expectDocumentedProblem(route, await sendSearch('text/plain', '7'), 'UNSUPPORTED_MEDIA_TYPE');
  });

  it('refuses a reference in its URL', async () => {
    const answer = await audited.send('POST /predictions/search?reference=a', {});
    expectDocumentedProblem('POST /predictions/search', answer, 'INVALID_REQUEST');
  });
});

describe('GET /predictions', () => {
  it('gives records by time and version', async () => {
    const ids = await recordAt(['2026-11-01T00:00:00Z', '2026-11-03T00:00:00Z'], 'by-query', '41');
    const answer = await audited.send('GET /predictions?version=41&from=2026-11-02&limit=5');
    expect(predictionPageSchema.parse(answer.body).predictions.map(({ id }) => id)).toEqual([ids[1]]);
    expect(answer.headers).not.toHaveProperty('deprecation');
  });

  it('with a reference says which route to use in its place, and until when', async () => {
    const [id] = await recordAt(['2026-11-01T00:00:00Z'], 'in-the-url');
    const { body, headers } = await audited.send('GET /predictions?reference=in-the-url');
    expect(body).toMatchObject({ predictions: [{ id }] });
    expect(headers).toMatchObject({
      deprecation: '@1796083200',
      sunset: 'Tue, 01 Jun 2027 00:00:00 GMT',
      link: '</predictions/search>; rel="successor-version"',
    });
  });

  it.each([
    ['reference=', 'reference'],
    [`reference=${'x'.repeat(129)}`, 'reference'],
    ['reference=a&reference=b', 'reference'],
    ['reference=a%00b', 'reference'],
    ['from=yesterday', 'from'],
    ['to=1969-12-31', 'to'],
    ['to=2026-02-30', 'to'],
    ['version=', 'version'],
    ['version=%00', 'version'],
    ['cursor=1', 'cursor'],
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=ten', 'limit'],
    ['ref=a', ''],
  ])('refuses the query %s', async (query, path) => {
    const answer = await audited.send(`GET /predictions?${query}`);
    const { errors } = expectDocumentedProblem('GET /predictions', answer, 'INVALID_REQUEST');
    expect(errors).toMatchObject([{ path }]);
  });
});
