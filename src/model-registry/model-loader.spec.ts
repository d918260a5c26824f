import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { FakeModelRunner } from '../../test/fakes/fake-model-runner.js';
import {
  type Expected,
  expectedOf,
  FIXTURE_MODELS,
  LABELLED_MODELS,
  REFUSED_MODELS,
  SERVED_MODELS,
} from '../../test/support/fixture-models.js';
import { loadFixture } from '../../test/support/load-fixture.js';
import { ModelLoader } from './model-loader.js';
import { readModelDirectory } from './model-directory.js';
import { ModelRejectedError } from './model-rejected.error.js';
import { OnnxModelRunnerFactory } from './runner/onnx-model-runner.js';
import type { ServedModel } from './served-model.js';
import { flat } from './trial-rows.js';

type Feeds = Record<string, Tensor>;

const scoresOf = async ({ runner }: ServedModel, { inputs }: Expected) => {
  const { probabilities } = await runner.score(
    Float32Array.from(inputs.flat(), (value) => value ?? NaN),
    inputs.length,
  );
  await runner.dispose();
  return [...probabilities];
};

/** onnxruntime's own. */
const createSession = InferenceSession.create.bind(InferenceSession);

/** A copy of the rows, and of the shape, is what the run then gets. */
const copyEarly = () =>
  jest.spyOn(InferenceSession, 'create').mockImplementation(async (...args: unknown[]) => {
    const session = await createSession(...(args as Parameters<typeof createSession>));
    const run = session.run.bind(session) as (feeds: Feeds, outputs: string[]) => Promise<Feeds>;
    return Object.assign(session, {
      run(feeds: Feeds, outputs: string[]) {
        const copies = Object.entries(feeds).map(([name, { data, dims }]) => [
          name,
          new Tensor('float32', Float32Array.from(data as Float32Array), [...dims]),
        ]);
        return run(Object.fromEntries(copies) as Feeds, outputs);
      },
    });
  });

describe('ModelLoader', () => {
  it.each(SERVED_MODELS)('loads %s, which scores as it does in Python', async (name) => {
    const { runner } = await loadFixture(name);
    const { inputs, probabilities } = expectedOf(name);
    const rows = Float32Array.from(inputs.flat(), (value) => value ?? NaN);
    const { probabilities: scores } = await runner.score(rows, inputs.length);
    await runner.dispose();
    expect(scores).toHaveLength(probabilities.length);
    for (const [i, probability] of probabilities.entries()) expect(scores[i]).toBeCloseTo(probability, 6);
  });

  it.each(Object.entries(REFUSED_MODELS))('refuses %s, and says how to put it right', async (name, fault) => {
    const refusal = loadFixture(name);
    await expect(refusal).rejects.toBeInstanceOf(ModelRejectedError);
    await expect(refusal).rejects.toThrow(fault);
  });

  describe('which class is the default', () => {
    it.each(LABELLED_MODELS)('is what the tag says, for %s: %s', async (name, label) => {
      const model = await loadFixture(name, undefined, { defaultClass: label });
      expect(model.defaultClass).toEqual({ label, from: 'tag' });
      const expected = expectedOf(name);
      const scores = await scoresOf(model, expected);
      for (const [i, probability] of expected.probabilities.entries()) expect(scores[i]).toBeCloseTo(probability, 6);
    });

    it('is the other column for the other label', async () => {
      const model = await loadFixture('string-labels', undefined, { defaultClass: 'good' });
      const expected = expectedOf('string-labels');
      const scores = await scoresOf(model, expected);
      for (const [i, probability] of expected.probabilities.entries())
        expect(scores[i]).toBeCloseTo(1 - probability, 6);
    });

    it('is what the metadata says, whatever the tag', async () => {
      const files = await readModelDirectory(`${FIXTURE_MODELS}/string-labels`);
      const metadata = { ...files.mlmodel.metadata, default_class: 'bad' };
      const { defaultClass, output, runner } = await new ModelLoader(new OnnxModelRunnerFactory()).load(
        { ...files, mlmodel: { ...files.mlmodel, metadata } },
        {
          ref: { name: 'string-labels', version: '1', alias: null },
          identity: 'm-1',
          runId: undefined,
          digestVouched: false,
          tags: { defaultClass: 'good' },
          sourceUri: 'file:string-labels',
        },
      );
      await runner.dispose();
      expect({ defaultClass, output }).toEqual({
        defaultClass: { label: 'bad', from: 'metadata' },
        output: { name: 'probabilities', columns: 2, column: 0 },
      });
    });

    it.each([
      ['sklearn-plain', { label: '1', from: 'labels' }],
      ['lightgbm-small', { label: '1', from: 'labels' }],
      ['bool-labels', { label: '1', from: 'labels' }],
      ['single-column', { label: '1', from: 'assumed' }],
    ])('is said with where that comes from: %s', async (name, defaultClass) => {
      const model = await loadFixture(name);
      await model.runner.dispose();
      expect(model.defaultClass).toEqual(defaultClass);
    });

    it('must be one of the classes', async () => {
      await expect(loadFixture('string-labels', undefined, { defaultClass: 'default' })).rejects.toThrow(
        /^The tag default_class is none of the model's classes: the classes are "bad", "good"\./,
      );
    });
  });

  describe('with an onnxruntime-node that reads rows as soon as it is asked for a run', () => {
    const rows = expectedOf('lightgbm-small').inputs.map((row) => Float32Array.from(row, (value) => value ?? NaN));

    beforeEach(() => void copyEarly());
    afterEach(() => void jest.restoreAllMocks());

    it('gathers rows first, says so, and scores every row as alone', async () => {
      const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
      const { runner } = await loadFixture('lightgbm-small');
      expect(runner.singleRows).toBe('gathered-first');
      expect(warn).toHaveBeenCalledTimes(1);
      expect(warn).toHaveBeenCalledWith(expect.stringContaining('Single rows are gathered before their run'), {
        name: 'lightgbm-small',
        version: '1',
        reason: 'a lone row differs',
      });
      const { probabilities } = expectedOf('lightgbm-small');
      const together = await Promise.all(rows.map((row) => runner.scoreRow(row)));
      const later = await Promise.all([runner.scoreRow(rows[0]!), runner.scoreRow(rows[1]!)]);
      await runner.dispose();
      for (const [i, { run, index }] of [...together, ...later].entries()) {
        expect(run.probabilities[index]).toBeCloseTo(probabilities[i % rows.length]!, 6);
      }
      expect(new Set(together.map(({ run }) => run)).size).toBe(1);
      expect(together[0]!.run.probabilities).toHaveLength(rows.length);
    });

    it('would answer with the score of zeros otherwise', async () => {
      const { runner } = await loadFixture('lightgbm-small');
      const { runner: unsettled } = await new OnnxModelRunnerFactory().create(
        (await readModelDirectory(`${FIXTURE_MODELS}/lightgbm-small`)).onnx,
        { declaredWidth: 3, declaredDefault: undefined, trialRows: () => flat(rows) },
      );
      const { probabilities: ofZeros } = await unsettled.score(new Float32Array(3), 1);
      const { run, index } = await unsettled.scoreRow(rows[3]!);
      expect(run.probabilities[index]).toBe(ofZeros[0]);
      expect((await runner.scoreRow(rows[3]!)).run.probabilities[0]).not.toBe(ofZeros[0]);
      await Promise.all([runner.dispose(), unsettled.dispose()]);
    });
  });

  it('takes the fast way for single rows otherwise', async () => {
    for (const name of SERVED_MODELS) {
      const { runner } = await loadFixture(name);
      await runner.dispose();
      expect({ name, singleRows: runner.singleRows }).toEqual({ name, singleRows: 'filled-late' });
    }
  });

  it('keeps what it is told of where a model came from, and adds the digest of its bytes', async () => {
    const { ref, identity, sourceUri, runner } = await loadFixture('single-column');
    await runner.dispose();
    expect(ref).toEqual({
      name: 'single-column',
      version: '1',
      alias: null,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect({ identity, sourceUri }).toEqual({
      identity: 'm-single-column',
      sourceUri: 'file:test/fixtures/models/single-column',
    });
  });

  it('tells what of the files it did not use', async () => {
    const { warnings, threshold, runner } = await loadFixture('free-metadata');
    await runner.dispose();
    expect(threshold).toBe(0.5);
    expect(warnings).toEqual([expect.stringMatching(/^Nothing under metadata in MLmodel is used/)]);
  });

  it('frees the runner of a model that it refuses', async () => {
    const runner = new FakeModelRunner(3, () => NaN);
    const refusing = new ModelLoader({
      create: async (_model, { trialRows }) => {
        trialRows(runner.width);
        return { runner, output: { name: 'p', columns: 1, column: 0 }, defaultClass: { label: '1', from: 'assumed' } };
      },
    });
    await expect(loadFixture('lightgbm-small', refusing)).rejects.toThrow(ModelRejectedError);
    expect(runner.isDisposed).toBe(true);
  });
});
