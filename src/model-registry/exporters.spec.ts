import { afterEach, describe, expect, it } from '@jest/globals';
import { EXPORTERS, type ExporterCase, writeExporterCase } from '../../test/support/exporter-cases.js';
import { loadDirectory } from '../../test/support/load-fixture.js';
import { temporaryDirectories } from '../../test/support/temporary-directory.js';
import { ModelRejectedError } from './model-rejected.error.js';
import type { ServedModel } from './served-model.js';

const TOLERANCE = 1e-5;

const named = (cases: readonly ExporterCase[]) =>
  cases.map((each) => {
    const said = Object.keys(each.metadata?.credit_default ?? {}).join(' and ') || 'nothing';
    return [`${each.graph}, signature: ${each.signature}, said: ${said}`, each] as const;
  });

describe('Models as their exporters write them', () => {
  const folder = temporaryDirectories();
  let model: ServedModel | undefined;

  afterEach(async () => {
    await model?.runner.dispose();
    model = undefined;
  });

  const load = async (each: ExporterCase): Promise<ServedModel> =>
    (model = await loadDirectory(await writeExporterCase(each, folder(), 'model'), each.graph));

  it.each(named(EXPORTERS.cases.filter(({ refused }) => refused)))('refuses %s', async (_, each) => {
    const refusal = load(each);

    await expect(refusal).rejects.toThrow(ModelRejectedError);
    await expect(refusal).rejects.toThrow(EXPORTERS.reasons[each.refused!]);
  });

  it.each(named(EXPORTERS.cases.filter(({ live }) => live)))('serves %s', async (_, each) => {
    const graph = EXPORTERS.graphs.find(({ name }) => name === each.graph)!;
    const { inputs, defaultClass, runner } = await load(each);

    const nullable = inputs.filter((input) => input.nullable).map(({ name }) => name);
    expect({ inputs: inputs.map(({ name }) => name), nullable, defaultClass }).toEqual({
      inputs: each.live!.inputs,
      nullable: each.live!.nullable,
      defaultClass: expect.objectContaining({ label: graph.default, from: each.live!.defaultClassFrom }),
    });
    for (const kind of nullable.length > 0 ? (['complete', 'missing'] as const) : (['complete'] as const)) {
      const rows = EXPORTERS.rows[kind].map((row) => Float32Array.from(row, (value) => value ?? NaN));
      const expected = graph.answers[kind]!;
      const { probabilities } = await runner.score(Float32Array.from(rows.flatMap((row) => [...row])), rows.length);
      const alone: number[] = [];
      for (const row of rows) {
        const { run, index } = await runner.scoreRow(row);
        alone.push(run.probabilities[index]!);
      }
      expect(furthest([...probabilities], expected)).toBeLessThan(TOLERANCE);
      expect(furthest(alone, expected)).toBeLessThan(TOLERANCE);
    }
  });
});

const furthest = (scores: readonly number[], expected: readonly number[]): number =>
  Math.max(Math.abs(scores.length - expected.length), ...expected.map((value, i) => Math.abs(value - scores[i]!)));
