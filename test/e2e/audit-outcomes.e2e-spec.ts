import { describe, expect, it } from '@jest/globals';
import { newId } from '../../src/common/ids/new-id.js';
import { outcomesResponseSchema } from '../../src/prediction-log/audit/outcome.schemas.js';
import { outcomeSchema, type PredictionRecord } from '../../src/prediction-log/audit/record.schemas.js';
import { outcomeHash } from '../../src/prediction-log/chain/row-hash.js';
import { auditedApp } from '../support/audited-app.js';
import { logEntry } from '../support/log-entry.js';
import { expectDocumentedProblem } from '../support/problems.js';

const audited = auditedApp({ CALLER_HEADER: 'X-Caller' });

const SINGLE = 'POST /predictions/{id}/outcome';
const LINES = 'POST /predictions/outcomes';
const DAY_MS = 24 * 3_600_000;
/** An outcome is not from before its answer, and the answers here are made now. */
const TODAY = new Date().toISOString().slice(0, 10);
const OUTCOME = { defaulted: true, observedAt: TODAY };

const record = (id: string, body: object) => audited.send(`POST /predictions/${id}/outcome`, body);

const sendRaw = (type: string, body: string) =>
  audited.send(`POST /predictions/${newId()}/outcome`).type(type).send(body);

const recordLines = (body: string, type = 'application/x-ndjson') =>
  audited.send('POST /predictions/outcomes').type(type).send(body);

const line = (predictionId: string, changes: object = {}) => JSON.stringify({ predictionId, ...OUTCOME, ...changes });

async function outcomesOf(id: string) {
  return ((await audited.send(`GET /predictions/${id}`)).body as PredictionRecord).outcomes;
}

const countOutcomes = async () =>
  (await audited.client.query<{ count: number }>('SELECT count(*)::int FROM prediction_outcomes')).rows[0]!.count;

/** Bodies that are refused as a whole; nothing of them is recorded. */
async function expectRefused(body: string, code: 'INVALID_REQUEST' | 'PREDICTION_NOT_FOUND') {
  const before = await countOutcomes();
  const problem = expectDocumentedProblem(LINES, await recordLines(body), code);
  expect(await countOutcomes()).toBe(before);
  return problem;
}

describe('POST /predictions/{id}/outcome', () => {
  it('adds an outcome to a record', async () => {
    const { id } = await audited.predict();
    const answer = await record(id, OUTCOME).set({ 'X-Caller': 'collections', 'X-Request-Id': 'outcome-1' });
    expect(answer.status).toBe(201);
    const outcome = outcomeSchema.strict().parse(answer.body);
    expect(outcome).toMatchObject({
      defaulted: true,
      observedAt: `${TODAY}T00:00:00.000Z`,
      requestId: 'outcome-1',
      caller: 'collections',
    });
    expect(Math.abs(Date.parse(outcome.recordedAt) - Date.now())).toBeLessThan(60_000);
    expect(await outcomesOf(id)).toEqual([outcome]);
  });

  it('keeps what it was told before: a correction is a further outcome, and comes last', async () => {
    const { id } = await audited.predict();
    await record(id, OUTCOME);
    await record(id, { defaulted: false, observedAt: `${TODAY}T10:00:00.123+01:00` });
    expect(await outcomesOf(id)).toMatchObject([
      { defaulted: true },
      { defaulted: false, observedAt: `${TODAY}T09:00:00.123Z` },
    ]);
  });

  it('shows outcomes in the order in which they were recorded, whenever they were observed: the last one counts', async () => {
    const { id } = await audited.predict();
    const tomorrow = new Date(Date.now() + DAY_MS).toISOString().slice(0, 10);
    await record(id, { defaulted: true, observedAt: tomorrow });
    await record(id, { defaulted: false, observedAt: TODAY });
    expect((await outcomesOf(id)).map(({ defaulted }) => defaulted)).toEqual([true, false]);
  });

  it('takes the day of the answer, in whatever time zone, and refuses what is from before it', async () => {
    const answeredAt = Date.parse('2026-11-21T07:30:00Z');
    const entry = logEntry({ ids: [newId(answeredAt)] });
    await audited.record(entry);
    const { id } = entry.rows[0]!;
    for (const observedAt of ['2026-11-21', '2026-11-20', '2026-11-20T23:30:00-08:00']) {
      expect((await record(id, { defaulted: true, observedAt })).status).toBe(201);
    }
    for (const observedAt of ['2026-11-19', '2020-11-20', '2026-11-19T23:59:59.999Z']) {
      const problem = expectDocumentedProblem(
        SINGLE,
        await record(id, { defaulted: true, observedAt }),
        'INVALID_REQUEST',
      );
      expect(problem.errors).toEqual([{ path: 'observedAt', message: 'must not be before the day of the answer' }]);
    }
    expect(await outcomesOf(id)).toHaveLength(3);
  });

  it('is chained like an answer', async () => {
    const { id } = await audited.predict();
    const outcome = outcomeSchema.parse((await record(id, OUTCOME)).body);
    const { rows } = await audited.client.query(
      'SELECT g.kind, g.row_count, g.row_hashes FROM prediction_outcomes o JOIN chain_groups g ON g.id = o.group_id WHERE o.id = $1',
      [outcome.id],
    );
    const hashed = { ...outcome, predictionId: id, observedAt: new Date(outcome.observedAt) };
    expect(rows).toEqual([{ kind: 'outcome', row_count: 1, row_hashes: outcomeHash(hashed) }]);
  });

  it('says that there is no such prediction', async () => {
    expectDocumentedProblem(SINGLE, await record(newId(), OUTCOME), 'PREDICTION_NOT_FOUND');
  });

  it.each([
    ['defaulted', { ...OUTCOME, defaulted: 1 }],
    ['defaulted', { observedAt: TODAY }],
    ['observedAt', { ...OUTCOME, observedAt: '1.11.2026' }],
    ['observedAt', { ...OUTCOME, observedAt: '2026-11-01T10:00:00' }],
    ['observedAt', { ...OUTCOME, observedAt: '2226-11-01' }],
    ['', { ...OUTCOME, amount: 5 }],
  ])('refuses a body for its %j: %j', async (path, body) => {
    const problem = expectDocumentedProblem(SINGLE, await record(newId(), body), 'INVALID_REQUEST');
    expect(problem.errors).toMatchObject([{ path }]);
  });

  it('refuses what is no JSON, too large, of another type, or for no id', async () => {
    expectDocumentedProblem(SINGLE, await sendRaw('application/json', '{'), 'INVALID_JSON');
    expectDocumentedProblem(SINGLE, await sendRaw('application/json', ' '.repeat(64 * 1024 + 1)), 'PAYLOAD_TOO_LARGE');
    expectDocumentedProblem(SINGLE, await sendRaw('application/x-ndjson', line(newId())), 'UNSUPPORTED_MEDIA_TYPE');
    expectDocumentedProblem(SINGLE, await record('42', OUTCOME), 'INVALID_REQUEST');
  });
});

describe('An outcome that PostgreSQL refuses', () => {
  it('is told, one or many', async () => {
    const { id } = await audited.predict();
    await audited.client.query('ALTER TABLE prediction_outcomes ADD CONSTRAINT refused CHECK (false) NOT VALID');
    try {
      expectDocumentedProblem(SINGLE, await record(id, OUTCOME), 'PREDICTION_NOT_RECORDED');
      expectDocumentedProblem(LINES, await recordLines(line(id)), 'PREDICTION_NOT_RECORDED');
    } finally {
      await audited.client.query('ALTER TABLE prediction_outcomes DROP CONSTRAINT refused');
    }
  });
});

describe('POST /predictions/outcomes', () => {
  it('adds an outcome for each line, in their order', async () => {
    const [first, second] = [await audited.predict(), await audited.predict()];
    const lines = [
      line(first.id),
      line(second.id.toUpperCase(), { defaulted: false }),
      line(first.id, { defaulted: false }),
    ];
    const { status, body } = await recordLines(`${lines.join('\n')}\n`);
    expect({ status, body: outcomesResponseSchema.strict().parse(body) }).toEqual({
      status: 201,
      body: { recorded: 3 },
    });
    expect(await outcomesOf(first.id)).toMatchObject([{ defaulted: true }, { defaulted: false }]);
    expect(await outcomesOf(second.id)).toMatchObject([{ defaulted: false }]);
  });

  it('chains them as one group', async () => {
    const { id } = await audited.predict();
    await recordLines([line(id), line(id)].join('\n'));
    const { rows } = await audited.client.query(
      `SELECT o.id, o.group_index, g.row_hashes FROM prediction_outcomes o JOIN chain_groups g ON g.id = o.group_id
       WHERE prediction_id = $1 ORDER BY group_index`,
      [id],
    );
    const outcomes = await outcomesOf(id);
    const hashes = outcomes.map((each) =>
      outcomeHash({ ...each, predictionId: id, observedAt: new Date(each.observedAt) }),
    );
    expect(rows.map((row) => row.id)).toEqual(outcomes.map((each) => each.id));
    expect(rows[0]!.row_hashes).toEqual(Buffer.concat(hashes));
  });

  it('takes lines that end as on Windows, empty lines, and a last one without an end', async () => {
    const { id } = await audited.predict();
    const { body } = await recordLines(`\r\n${line(id)}\r\n\n  \n${line(id)}`);
    expect(body).toEqual({ recorded: 2 });
  });

  it('takes 1000 lines, and not one more', async () => {
    const { id } = await audited.predict();
    const lines = Array.from({ length: 1000 }, () => line(id));
    expect((await recordLines(lines.join('\n'))).body).toEqual({ recorded: 1000 });
    const { detail } = await expectRefused([...lines, line(id)].join('\n'), 'INVALID_REQUEST');
    expect(detail).toContain('more than 1000 lines');
  });

  it('names every line that is wrong, and records none', async () => {
    const { id } = await audited.predict();
    const body = [line(id), '{"predictionId":', '', line(id, { observedAt: 'soon' }), line('42'), '[]'].join('\n');
    const { errors } = await expectRefused(body, 'INVALID_REQUEST');
    expect(errors!.map(({ path }) => path)).toEqual([
      'lines.2',
      'lines.4.observedAt',
      'lines.5.predictionId',
      'lines.6',
    ]);
  });

  it('names every line that is from before its answer, and records none', async () => {
    const { id } = await audited.predict();
    const early = line(id, { observedAt: '2020-11-20' });
    const { errors } = await expectRefused([early, line(id), early].join('\n'), 'INVALID_REQUEST');
    expect(errors!.map(({ path }) => path)).toEqual(['lines.1.observedAt', 'lines.3.observedAt']);
  });

  it('names every line whose prediction is not there, and records none', async () => {
    const { id } = await audited.predict();
    const { errors } = await expectRefused([line(newId()), line(id), line(newId())].join('\n'), 'PREDICTION_NOT_FOUND');
    expect(errors!.map(({ path }) => path)).toEqual(['lines.1.predictionId', 'lines.3.predictionId']);
  });

  it.each(['', '\n \n'])('refuses a body without lines: %j', async (body) => {
    expect((await expectRefused(body, 'INVALID_REQUEST')).detail).toContain('has no lines');
  });

  it('refuses another type, compressed lines, and more than 256 KiB', async () => {
    const { id } = await audited.predict();
    expectDocumentedProblem(LINES, await recordLines(line(id), 'application/json'), 'UNSUPPORTED_MEDIA_TYPE');
    const compressed = await recordLines(line(id)).set('Content-Encoding', 'gzip');
    const { detail } = expectDocumentedProblem(LINES, compressed, 'UNSUPPORTED_MEDIA_TYPE');
    expect(detail).toMatch(/^Compressed bodies are not taken\./);
    expectDocumentedProblem(LINES, await recordLines(' '.repeat(256 * 1024 + 1)), 'PAYLOAD_TOO_LARGE');
  });
});
