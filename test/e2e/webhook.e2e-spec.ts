import { createHmac, randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { eventually } from '../support/eventually.js';
import { type AppClient, followingApps, NEVER_POLL } from '../support/following-apps.js';
import { expectDocumentedProblem } from '../support/problems.js';

const SECRET = 'the-secret-of-the-webhook';
const ROUTE = 'POST /webhooks/mlflow';

const apps = followingApps();
let client: AppClient;

interface Delivery {
  id?: string;
  timestamp?: string;
  secret?: string;
  body?: string;
}

/** Sent as MLflow sends it when the alias is moved. */
function deliver({
  id = randomUUID(),
  timestamp = String(Math.floor(Date.now() / 1000)),
  secret = SECRET,
  body = '{"entity": "model_version_alias", "action": "created", "data": {"alias": "production", "version": "2"}}',
}: Delivery = {}) {
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
  return request(client.app.getHttpServer())
    .post('/webhooks/mlflow')
    .set('Content-Type', 'application/json')
    .set('X-MLflow-Delivery-Id', id)
    .set('X-MLflow-Timestamp', timestamp)
    .set('X-MLflow-Signature', `v1,${signature}`)
    .send(body);
}

const deliveries = (result: string) => client.metric(`webhook_deliveries_total{result="${result}"}`);

beforeEach(async () => {
  for (const version of [1, 2]) await apps.register(version);
  apps.mlflow.moveAlias('1');
});

describe('The webhook', () => {
  beforeEach(async () => {
    client = await apps.start({ ...NEVER_POLL, MLFLOW_WEBHOOK_SECRET: SECRET });
  });

  it('makes the service look at once', async () => {
    apps.mlflow.moveAlias('2');
    expect((await deliver()).status).toBe(202);
    await eventually(async () => expect(await client.version()).toBe('2'));
    expect(await client.lastEvent('webhook')).toMatchObject({ result: 'swapped', version: '2' });
    expect(await deliveries('accepted')).toBe(1);
  });

  it('believes the registry, whatever a delivery says', async () => {
    const looks = apps.mlflow.aliasLooks;
    await deliver({ body: 'a version that nobody registered' });
    await eventually(() => expect(apps.mlflow.aliasLooks).toBe(looks + 1));
    expect(await client.version()).toBe('1');
  });

  it('takes a repeated delivery, and does nothing for it', async () => {
    const looks = apps.mlflow.aliasLooks;
    const repeated = { id: randomUUID(), timestamp: String(Math.floor(Date.now() / 1000)) };
    expect([(await deliver(repeated)).status, (await deliver(repeated)).status]).toEqual([202, 202]);
    expect({ accepted: await deliveries('accepted'), duplicate: await deliveries('duplicate') }).toEqual({
      accepted: 1,
      duplicate: 1,
    });
    await eventually(() => expect(apps.mlflow.aliasLooks).toBe(looks + 1));
  });

  it.each([
    ['forged', { secret: 'another-secret' }],
    ['stale', { timestamp: String(Math.floor(Date.now() / 1000) - 301) }],
  ])('refuses a delivery that is %s, and does not look', async (result, delivery) => {
    const looks = apps.mlflow.aliasLooks;
    expectDocumentedProblem(ROUTE, await deliver(delivery), 'WEBHOOK_NOT_AUTHENTIC');
    expect(await deliveries(result)).toBe(1);
    expect(await deliveries('accepted')).toBe(0);
    expect(apps.mlflow.aliasLooks).toBe(looks);
  });

  it('refuses a delivery without a signature, or without a body', async () => {
    const bare = request(client.app.getHttpServer()).post('/webhooks/mlflow').set('Content-Type', 'application/json');
    expectDocumentedProblem(ROUTE, await bare.send('{}'), 'WEBHOOK_NOT_AUTHENTIC');
    const empty = request(client.app.getHttpServer()).post('/webhooks/mlflow');
    expectDocumentedProblem(ROUTE, await empty, 'WEBHOOK_NOT_AUTHENTIC');
  });

  it('refuses what is too large or no JSON, before it is checked', async () => {
    expectDocumentedProblem(ROUTE, await deliver({ body: 'x'.repeat(64 * 1024 + 1) }), 'PAYLOAD_TOO_LARGE');
    expectDocumentedProblem(ROUTE, await deliver().set('Content-Type', 'text/plain'), 'UNSUPPORTED_MEDIA_TYPE');
  });
});

it('With MLFLOW_WEBHOOK_SECRET empty the webhook is an unknown route, also for who signs with nothing', async () => {
  client = await apps.start({ MLFLOW_WEBHOOK_SECRET: '' });
  expectDocumentedProblem(ROUTE, await deliver({ secret: '' }), 'ROUTE_NOT_FOUND');
});
