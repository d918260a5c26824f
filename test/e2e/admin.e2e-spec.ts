import { beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { adminModelSchema, reloadResponseSchema } from '../../src/admin/admin.schemas.js';
import { FIXTURE_MODELS } from '../support/fixture-models.js';
import { ADMIN_TOKEN, type AppClient, followingApps, NEVER_POLL } from '../support/following-apps.js';
import { expectDocumentedProblem } from '../support/problems.js';

const ROUTES = [
  'GET /admin/model',
  'POST /admin/model/reload',
  'POST /admin/model/rollback',
  'POST /admin/model/unpin',
];

const apps = followingApps();
let client: AppClient;

/** A request with a header of one's own, and from an address that a proxy names. */
function send(route: string, authorization?: string, forwardedFor = '') {
  const [method, path] = route.split(' ') as [string, string];
  const server = request(client.app.getHttpServer());
  const sent = (method === 'GET' ? server.get(path) : server.post(path)).set('X-Forwarded-For', forwardedFor);
  return authorization === undefined ? sent : sent.set('Authorization', authorization);
}

/** The answer to an action that succeeded. */
async function act(action: string, body?: object) {
  const answer = await client.post(`/admin/model/${action}`, body);
  expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 200 });
  return reloadResponseSchema.strict().parse(answer.body);
}

const start = async (env: Record<string, string> = {}) => {
  client = await apps.start({ ...NEVER_POLL, ...env });
};

/** What says which model is live. */
const told = async () => ({
  answer: (await client.predict()).body.model,
  meta: (await client.get('/meta')).body.model,
  infos: (await client.get('/metrics')).text.match(/^model_info\{.*$/gm),
});

const expected = (version: string, alias: string | null) => ({
  answer: { version, alias },
  meta: { version, alias },
  infos: [expect.stringContaining(`version="${version}",alias="${alias ?? ''}"`)],
});

beforeEach(async () => {
  for (const version of [1, 2]) await apps.register(version);
  apps.mlflow.moveAlias('1');
});

describe('The admin routes', () => {
  it.each(ROUTES)('do not exist while ADMIN_TOKEN is empty: %s', async (route) => {
    await start({ ADMIN_TOKEN: '' });
    for (const authorization of [undefined, 'Bearer ', 'Bearer another-token-of-tests']) {
      expectDocumentedProblem(route as 'GET /', await send(route, authorization), 'ROUTE_NOT_FOUND');
    }
  });

  it.each(ROUTES)('let nobody in without the token: %s', async (route) => {
    await start();
    for (const authorization of [
      undefined,
      '',
      ADMIN_TOKEN,
      `Basic ${ADMIN_TOKEN}`,
      'Bearer',
      'Bearer another-token-of-tests',
      `Bearer ${ADMIN_TOKEN}x`,
      `Bearer ${ADMIN_TOKEN.slice(0, -1)}`,
    ]) {
      const answer = await send(route, authorization);
      expectDocumentedProblem(route as 'GET /', answer, 'UNAUTHORIZED');
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
    expect(await client.metric('admin_auth_failures_total')).toBe(8);
    expect(await client.version()).toBe('1');
  });

  it.each(ROUTES)(
    'answer 429 to an address that failed ten times, and never delay the right token: %s',
    async (route) => {
      await start();
      for (let i = 0; i < 10; i++) await send('GET /admin/model', 'Bearer wrong');
      const answer = await send(route, 'Bearer wrong');
      expectDocumentedProblem(route as 'GET /', answer, 'TOO_MANY_FAILURES');
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(50);
      expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60);
      expect((await send('GET /admin/model', `Bearer ${ADMIN_TOKEN}`)).status).toBe(200);
    },
  );

  it.each([
    ['false', 'the connection', 429],
    ['1', 'the header', 401],
  ])('with TRUST_PROXY=%s count failures by the address that %s names', async (TRUST_PROXY, _what, status) => {
    await start({ TRUST_PROXY });
    for (let i = 0; i <= 10; i++) await send('GET /admin/model', 'Bearer wrong', '198.51.100.1');
    expect((await send('GET /admin/model', 'Bearer wrong', '198.51.100.1')).status).toBe(429);
    expect((await send('GET /admin/model', 'Bearer wrong', '198.51.100.2')).status).toBe(status);
  });
});

describe('POST /admin/model/reload', () => {
  beforeEach(async () => {
    client = await apps.start(NEVER_POLL);
  });

  it('waits for the end, and says what happened, on this instance', async () => {
    expect(await act('reload')).toMatchObject({ scope: 'instance', result: 'unchanged', live: { version: '1' } });
    apps.mlflow.moveAlias('2');
    expect(await act('reload')).toMatchObject({ result: 'swapped', live: { version: '2' } });
    expect(await client.version()).toBe('2');
  });

  it('pins a version, which the alias does not move, until unpin', async () => {
    expect(await act('reload', { version: '2' })).toMatchObject({ result: 'pinned', live: { version: '2' } });
    expect(await act('reload')).toMatchObject({ result: 'held-by-pin', live: { version: '2' } });
    expect(await client.adminModel()).toMatchObject({ pinned: true, registry: { namedVersion: '1' } });
    expect((await client.get('/meta')).body.registry).toMatchObject({ following: false, namedVersion: '1' });
    expect(await client.metric('model_pinned')).toBe(1);
    expect(await act('unpin')).toMatchObject({ result: 'unpinned', live: { version: '1' } });
    expect(await client.metric('model_pinned')).toBe(0);
  });

  it('says which version must not serve, and why', async () => {
    apps.mlflow.register('3', `${FIXTURE_MODELS}/known-rows-off`);
    for (const body of [{ version: '3' }, undefined]) {
      apps.mlflow.moveAlias('3');
      const answer = await client.post('/admin/model/reload', body);
      const { detail } = expectDocumentedProblem('POST /admin/model/reload', answer, 'MODEL_REJECTED');
      expect(detail).toMatch(/^What served before goes on serving\. Known row 31 of 32/);
    }
    expect(await client.version()).toBe('1');
  });

  it('says when the registry does not answer, or does not have the version', async () => {
    const missing = await client.post('/admin/model/reload', { version: '9' });
    const { detail } = expectDocumentedProblem('POST /admin/model/reload', missing, 'VERSION_NOT_FOUND');
    expect(detail).toContain('does not have version 9');
    apps.mlflow.mode = 'down';
    const down = await client.post('/admin/model/reload');
    expectDocumentedProblem('POST /admin/model/reload', down, 'REGISTRY_UNAVAILABLE');
    expect(down.headers['retry-after']).toBe('10');
  });

  it.each([
    [{ version: '../etc' }, 'version'],
    [{ version: 7 }, 'version'],
    [{ versoin: '7' }, ''],
    [['7'], ''],
  ])('refuses the body %j', async (body, path) => {
    const answer = await client.post('/admin/model/reload', body);
    const problem = expectDocumentedProblem('POST /admin/model/reload', answer, 'INVALID_REQUEST');
    expect(problem.errors).toMatchObject([{ path }]);
  });
});

describe('A body', () => {
  it.each(['POST /admin/model/reload', 'POST /admin/model/rollback', 'POST /admin/model/unpin'] as const)(
    'is refused that is no JSON, too large, or of another type: %s',
    async (route) => {
      await start();
      const sendBody = (type: string, body: string) =>
        send(route, `Bearer ${ADMIN_TOKEN}`).set('Content-Type', type).send(body);
      expectDocumentedProblem(route, await sendBody('application/json', '{'), 'INVALID_JSON');
      const large = await sendBody('application/json', ' '.repeat(64 * 1024 + 1));
      expectDocumentedProblem(route, large, 'PAYLOAD_TOO_LARGE');
      expectDocumentedProblem(route, await sendBody('text/plain', '7'), 'UNSUPPORTED_MEDIA_TYPE');
    },
  );
});

describe('POST /admin/model/rollback', () => {
  beforeEach(async () => {
    client = await apps.start(NEVER_POLL);
  });

  it('says that there is nothing to go back to while one version only has served', async () => {
    const answer = await client.post('/admin/model/rollback');
    expectDocumentedProblem('POST /admin/model/rollback', answer, 'NO_PREVIOUS_MODEL');
  });

  it('goes back to the version that served before, with the registry away, and stays there', async () => {
    apps.mlflow.moveAlias('2');
    await act('reload');
    expect(await client.adminModel()).toMatchObject({ live: { version: '2' }, previous: { version: '1' } });
    apps.mlflow.mode = 'down';
    expect(await act('rollback')).toMatchObject({ scope: 'instance', result: 'rolled-back', live: { version: '1' } });
    apps.mlflow.mode = 'well';
    expect(await act('reload')).toMatchObject({ result: 'held-by-pin' });
    expect(await client.version()).toBe('1');
  });

  it('does not go forward again: a second one is refused, and says to pin by number', async () => {
    apps.mlflow.moveAlias('2');
    await act('reload');
    await act('rollback');
    const answer = await client.post('/admin/model/rollback');
    const { detail } = expectDocumentedProblem('POST /admin/model/rollback', answer, 'NO_PREVIOUS_MODEL');
    expect(detail).toContain('POST /admin/model/reload {"version": "..."}');
    expect(await client.version()).toBe('1');
    expect(await client.adminModel()).toMatchObject({ live: { version: '1' }, previous: null, pinned: true });
  });

  it('leaves no alias in answers, GET /meta and the metrics while that names another version', async () => {
    apps.mlflow.moveAlias('2');
    await act('reload');
    await act('rollback');
    expect(await told()).toMatchObject(expected('1', null));
    await act('unpin');
    expect(await told()).toMatchObject(expected('2', 'production'));
  });
});

describe('POST /admin/model/unpin', () => {
  beforeEach(async () => {
    client = await apps.start(NEVER_POLL);
  });

  it('takes a request that names a content type and has no body', async () => {
    const answer = await request(client.app.getHttpServer())
      .post('/admin/model/unpin')
      .auth(ADMIN_TOKEN, { type: 'bearer' })
      .set('Content-Type', 'application/json');
    expect(answer.status).toBe(200);
  });

  it('changes nothing without a pin', async () => {
    expect(await act('unpin')).toMatchObject({ result: 'unchanged', live: { version: '1' } });
  });

  it('says when no model is live', async () => {
    await apps.stop(client);
    apps.mlflow.mode = 'down';
    client = await apps.start(NEVER_POLL);
    const answer = await client.post('/admin/model/unpin');
    expectDocumentedProblem('POST /admin/model/unpin', answer, 'MODEL_NOT_READY');
  });

  it('ends the pin also while the registry does not answer, which GET /admin/model says', async () => {
    await act('reload', { version: '2' });
    apps.mlflow.mode = 'down';
    expect(await act('unpin')).toMatchObject({ result: 'unpinned', live: { version: '2' } });
    const { pinned, registry, events } = await client.adminModel();
    expect({ pinned, lastError: registry.lastError }).toEqual({ pinned: false, lastError: events[0]!.reason });
    expect(events).toMatchObject([{ result: 'unavailable' }, { result: 'unpinned' }, ...events.slice(2)]);
    apps.mlflow.mode = 'well';
    expect(await act('reload')).toMatchObject({ result: 'swapped', live: { version: '1' } });
  });

  it('ends the pin also when what the alias names must not serve, and GET /admin/model says why', async () => {
    await act('reload', { version: '2' });
    apps.mlflow.register('3', `${FIXTURE_MODELS}/known-rows-off`);
    apps.mlflow.moveAlias('3');
    expect(await act('unpin')).toMatchObject({ result: 'unpinned', live: { version: '2' } });
    const { pinned, registry } = await client.adminModel();
    expect({ pinned, registry }).toMatchObject({
      pinned: false,
      registry: { namedVersion: '3', failure: { reason: expect.stringContaining('Known row'), retryable: false } },
    });
    expect(await client.version()).toBe('2');
  });
});

describe('GET /admin/model', () => {
  it('tells the story of this instance, newest first', async () => {
    client = await apps.start(NEVER_POLL);
    await act('reload', { version: '2' });
    await act('rollback');
    const { status, body } = await client.get('/admin/model');
    expect(status).toBe(200);
    const model = adminModelSchema.strict().parse(body);
    expect(model).toMatchObject({
      scope: 'instance',
      live: { name: 'credit-default-model', version: '1', digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
      previous: null,
      pinned: true,
      candidate: null,
      registry: { uri: 'models:/credit-default-model@production', namedVersion: '1', lastError: null, failure: null },
    });
    expect(model.events).toMatchObject([
      { trigger: 'admin', result: 'rolled-back', version: '1', reason: null, retryable: null },
      { trigger: 'admin', result: 'pinned', version: '2' },
      { trigger: 'startup', result: 'swapped', version: '1' },
    ]);
  });

  it('is there also while no model is live', async () => {
    apps.mlflow.mode = 'down';
    client = await apps.start(NEVER_POLL);
    expect(await client.adminModel()).toMatchObject({ live: null, previous: null, registry: { namedVersion: null } });
  });
});
