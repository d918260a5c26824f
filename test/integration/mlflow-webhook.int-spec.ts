import type { IncomingHttpHeaders } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { verifyDelivery } from '../../src/webhook/mlflow-signature.js';
import { eventually } from '../support/eventually.js';
import { startHttpServer, type TestServer } from '../support/http-server.js';
import { RegistryLab } from '../support/registry-lab.js';

const SECRET = 'a secret that both know';

describe("MLflow's webhook", () => {
  const deliveries: { headers: IncomingHttpHeaders; body: Buffer }[] = [];
  let lab: RegistryLab;
  let receiver: TestServer;
  beforeAll(async () => {
    lab = await RegistryLab.create('proxied');
    receiver = await startHttpServer((request, response) => {
      request.once('data', (body: Buffer) => {
        // Other tests move aliases of their own.
        if (body.includes(lab.modelName)) deliveries.push({ headers: request.headers, body });
        response.end();
      });
    });
  });
  afterAll(async () => {
    await lab.close();
    await receiver.close();
  });

  it('is signed as the service verifies it, when an alias moves', async () => {
    const { version } = await lab.register('test/fixtures/models/lightgbm-small');
    await lab.createWebhook(`${receiver.url}/webhooks/mlflow`, SECRET);
    await eventually(async () => {
      // Again, because MLflow goes on for a while with the list of webhooks that it has read before.
      await lab.setAlias('production', version);
      expect(deliveries).not.toHaveLength(0);
    });
    const { headers, body } = deliveries[0]!;
    expect(JSON.parse(body.toString())).toMatchObject({
      entity: 'model_version_alias',
      action: 'created',
      data: { name: lab.modelName, alias: 'production', version },
    });
    const delivery = {
      id: headers['x-mlflow-delivery-id'] as string,
      timestamp: headers['x-mlflow-timestamp'] as string,
      signature: headers['x-mlflow-signature'] as string,
      body,
    };
    expect(verifyDelivery(delivery, SECRET, Date.now())).toBe('authentic');
    expect(verifyDelivery(delivery, 'another secret', Date.now())).toBe('forged');
  });
});
