import { describe, expect, it } from '@jest/globals';
import { Counter, Registry } from 'prom-client';
import { FakeModelRunner } from '../../test/fakes/fake-model-runner.js';
import { servedModel } from '../../test/support/served-model.js';
import { SeriesHistogram } from '../common/metrics/series-histogram.js';
import { ActiveModel } from '../model-registry/active-model.js';
import type { ServedModel } from '../model-registry/served-model.js';
import { NoLog } from '../prediction-log/no-log.js';
import { PredictionMetrics } from './prediction-metrics.js';
import type { PredictRequest, PredictResponse } from './prediction.schemas.js';
import { PredictionService } from './prediction.service.js';

const histogram = (name: string) => new SeriesHistogram({ name, help: '-', buckets: [0.5] });

function setUp(model?: ServedModel) {
  const registers = [new Registry()];
  const counter = new Counter({ name: 'predictions', help: '-', labelNames: ['version', 'prediction'], registers });
  const activeModel = new ActiveModel();
  const metrics = new PredictionMetrics(
    activeModel,
    counter,
    histogram('probability'),
    histogram('seconds'),
    histogram('rows'),
  );
  if (model) activeModel.activate(model);
  const service = new PredictionService(activeModel, metrics, new NoLog());
  const predict = async (body: PredictRequest) => JSON.parse(await service.predict(body, ORIGIN)) as PredictResponse;
  return { activeModel, counter, predict };
}

const scoring = (probability: number, overrides: Partial<ServedModel> = {}) =>
  servedModel({ runner: new FakeModelRunner(2, () => probability), ...overrides });

const ORIGIN = { requestId: 'r-1', traceId: null, caller: null };

const request = { data: { features: [1, 2] } };

describe('PredictionService', () => {
  it('scores the row that the client sent', async () => {
    const runner = new FakeModelRunner(2, ([income, ageOfAccount]) => (income === 0.5 && ageOfAccount === 3 ? 1 : 0));
    const { predict } = setUp(servedModel({ runner }));
    const answer = await predict({ data: { features: { age_of_account: 3, income: 0.5 } } });
    expect(answer.probability).toBe(1);
  });

  it.each([
    ['below', 0.25, 0],
    ['at', 0.5, 1],
    ['above', 0.75, 1],
  ])('decides by the threshold of the model: %s it', async (_where, probability, prediction) => {
    const { predict } = setUp(scoring(probability));
    expect(await predict(request)).toMatchObject({ probability, prediction, threshold: 0.5 });
  });

  it('decides on the probability in the answer, the one in float32', async () => {
    const { predict } = setUp(scoring(0.1, { threshold: 0.1 }));
    const { probability, prediction, threshold } = await predict(request);
    expect(prediction).toBe(probability >= threshold ? 1 : 0);
  });

  it('names the model that answered, also after another one took over', async () => {
    const { activeModel, predict } = setUp(scoring(0.25));
    const first = predict(request);
    activeModel.activate(scoring(0.75, { ref: { name: 'test-model', version: '8', alias: null, digest: 'other' } }));
    expect(await first).toMatchObject({ probability: 0.25, model: { version: '7' } });
    expect(await predict(request)).toMatchObject({ probability: 0.75, model: { version: '8' } });
  });

  it("encodes for the live model's inputs, not for those of the one before", async () => {
    const { activeModel, predict } = setUp(scoring(0.25));
    await predict(request);
    activeModel.activate(servedModel({ inputs: [{ name: 'only', nullable: false }], runner: new FakeModelRunner(1) }));
    await expect(predict(request)).rejects.toMatchObject({ code: 'FEATURES_MISMATCH' });
    await expect(predict({ data: { features: [1] } })).resolves.toMatchObject({ probability: 0.5 });
  });

  it('has warnings in the answer only when there are any', async () => {
    const { predict } = setUp(scoring(0.25));
    expect(await predict(request)).not.toHaveProperty('warnings');
    expect(await predict({ data: { features: [1, 601] } })).toMatchObject({
      warnings: [{ feature: 'age_of_account', code: 'OUT_OF_RANGE' }],
    });
  });

  it('counts answers by version and class', async () => {
    const { counter, predict } = setUp(scoring(0.75));
    await predict(request);
    await predict(request);
    expect((await counter.get()).values).toMatchObject([
      { labels: { version: '7', prediction: '0' }, value: 0 },
      { labels: { version: '7', prediction: '1' }, value: 2 },
    ]);
  });

  it.each([Number.NaN, Infinity, -0.1, 1.5])('has no answer where the model gives %d', async (score) => {
    const { counter, predict } = setUp(scoring(score));
    await expect(predict(request)).rejects.toMatchObject({ code: 'NO_PROBABILITY' });
    const { values } = await counter.get();
    expect(values.map(({ value }) => value)).toEqual([0, 0]);
  });

  it('says MODEL_NOT_READY, and when to come back, while no model is live', async () => {
    await expect(setUp().predict(request)).rejects.toMatchObject({
      code: 'MODEL_NOT_READY',
      retryAfterSeconds: expect.any(Number),
    });
  });
});
