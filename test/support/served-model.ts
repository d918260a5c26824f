import type { ServedModel } from '../../src/model-registry/served-model.js';
import { FakeModelRunner } from '../fakes/fake-model-runner.js';

/** A live model of two inputs, `income` and `age_of_account`, that answers 0.5 to everything. */
export const servedModel = (overrides: Partial<ServedModel> = {}): ServedModel => ({
  ref: { name: 'test-model', version: '7', alias: 'production', digest: 'd1ge57' },
  inputs: [
    { name: 'income', nullable: false },
    { name: 'age_of_account', nullable: true, range: [0, 600] },
  ],
  threshold: 0.5,
  output: { name: 'probabilities', columns: 2, column: 1 },
  defaultClass: { label: '1', from: 'labels' },
  identity: 'm-7',
  digestVouched: false,
  tags: {},
  warnings: [],
  runId: undefined,
  sourceUri: 'file:test-model',
  loadedAt: new Date('2026-01-01T00:00:00Z'),
  trainingMetrics: {},
  onnx: new Uint8Array(new SharedArrayBuffer(0)),
  runner: new FakeModelRunner(2),
  ...overrides,
});
