import assert from 'node:assert/strict';
import { get, getJson, type Meta, predict } from '../client.ts';
import type { Stack } from '../stack.ts';

/** What somebody does first: look at /docs, send the README's request, ask what serves. */
export async function checkFirstRequests({ service, mlflow, commit }: Stack): Promise<void> {
  assert.match(await (await get(`${service}/docs`)).text(), /swagger-ui/);
  assert.match(await (await get(mlflow)).text(), /<title>MLflow/);

  const { prediction, probability, model } = await predict(service);
  assert.equal(prediction, 1);
  assert.ok(probability > 0 && probability < 1);
  assert.deepEqual(
    { ...model, digest: '' },
    { name: 'credit-default-model', version: '1', alias: 'production', digest: '' },
  );

  const meta = await getJson<Meta>(`${service}/meta`);
  assert.equal(meta.service.commit, commit);
  assert.equal(meta.model.version, '1');
  assert.equal(meta.model.alias, 'production');
}
