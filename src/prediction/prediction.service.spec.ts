import { describe, expect, it } from '@jest/globals';
import { Counter, Histogram, Registry } from 'prom-client';
import { FakeModelRunner } from '../../test/fakes/fake-model-runner.js';
import { servedModel } from '../../test/support/served-model.js';
import { ActiveModel } from '../model-registry/active-model.js';
import type { ServedModel } from '../model-registry/served-model.js';
import { NoLog } from '../prediction-log/no-log.js';
import { PredictionMetrics } from './prediction-metrics.js';
import { PredictionService } from './prediction.service.js';

function setUp(model?: ServedModel) {
  const registers = [new Registry()];
  const counter = new Counter({ name: 'predictions', help: '-', labelNames: ['version', 'prediction'], registers });
  const histogram = (name: string) => new Histogram({ name, help: '-', registers });
  const activeModel = new ActiveModel();
  const metrics = new PredictionMetrics(
    activeModel,
    counter,
    histogram('probability'),
    histogram('seconds'),
    histogram('rows'),
  );
  if (model) activeModel.activate(model);
  return { activeModel, counter, service: new PredictionService(activeModel, metrics, new NoLog()) };
}

const scoring = (probability: number, overrides: Partial<ServedModel> = {}) =>
  servedModel({ runner: new FakeModelRunner(2, () => probability), ...overrides });

const ORIGIN = { requestId: 'r-1', traceId: null, caller: null };

const request = { data: { features: [1, 2] } };

describe('PredictionService', () => {
  it('scores the row that the client sent', async () => {
    const runner = new FakeModelRunner(2, ([income, ageOfAccount]) => (income === 0.5 && ageOfAccount === 3 ? 1 : 0));
    const { service } = setUp(servedModel({ runner }));
    const answer = await service.predict({ data: { features: { age_of_account: 3, income: 0.5 } } }, ORIGIN);
    expect(answer.probability).toBe(1);
  });

  it.each([
    ['below', 0.25, 0],
    ['at', 0.5, 1],
    ['above', 0.75, 1],
  ])('decides by the threshold of the model: %s it', async (_where, probability, prediction) => {
    const { service } = setUp(scoring(probability));
    expect(await service.predict(request, ORIGIN)).toMatchObject({ probability, prediction, threshold: 0.5 });
  });

  it('decides on the probability in the answer, the one in float32', async () => {
    const { service } = setUp(scoring(0.1, { threshold: 0.1 }));
    const { probability, prediction, threshold } = await service.predict(request, ORIGIN);
    expect(prediction).toBe(probability >= threshold ? 1 : 0);
  });

  it('names the model that answered, also after another one took over', async () => {
    const { activeModel, service } = setUp(scoring(0.25));
    const first = service.predict(request, ORIGIN);
    activeModel.activate(scoring(0.75, { ref: { name: 'test-model', version: '8', alias: null, digest: 'other' } }));
    expect(await first).toMatchObject({ probability: 0.25, model: { version: '7' } });
    expect(await service.predict(request, ORIGIN)).toMatchObject({ probability: 0.75, model: { version: '8' } });
  });

  it("encodes for the live model's inputs, not for those of the one before", async () => {
    const { activeModel, service } = setUp(scoring(0.25));
    await service.predict(request, ORIGIN);
    activeModel.activate(servedModel({ inputs: [{ name: 'only', nullable: false }], runner: new FakeModelRunner(1) }));
    await expect(service.predict(request, ORIGIN)).rejects.toMatchObject({ code: 'FEATURES_MISMATCH' });
    await expect(service.predict({ data: { features: [1] } }, ORIGIN)).resolves.toMatchObject({ probability: 0.5 });
  });

  it('has warnings in the answer only when there are any', async () => {
    const { service } = setUp(scoring(0.25));
    expect(await service.predict(request, ORIGIN)).not.toHaveProperty('warnings');
    expect(await service.predict({ data: { features: [1, 601] } }, ORIGIN)).toMatchObject({
      warnings: [{ feature: 'age_of_account', code: 'OUT_OF_RANGE' }],
    });
  });

  it('counts answers by version and class', async () => {
    const { counter, service } = setUp(scoring(0.75));
    await service.predict(request, ORIGIN);
    await service.predict(request, ORIGIN);
    expect((await counter.get()).values).toEqual([
      expect.objectContaining({ labels: { version: '7', prediction: '1' }, value: 2 }),
    ]);
  });

  it('says MODEL_NOT_READY, and when to come back, while no model is live', async () => {
    await expect(setUp().service.predict(request, ORIGIN)).rejects.toMatchObject({
      code: 'MODEL_NOT_READY',
      retryAfterSeconds: expect.any(Number),
    });
  });
});
