import { describe, expect, it } from '@jest/globals';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { findProbabilityOutput } from './probability-output.js';

interface Output {
  name: string;
  type: 'float32' | 'int64' | 'sequence';
  /** Given three rows. */
  dims?: number[];
}

/** As much of a session as is asked, with these outputs. */
function sessionWith(outputs: Output[], failure?: Error): InferenceSession {
  const outputMetadata = outputs.map(({ name, type }) => ({ name, isTensor: type !== 'sequence', type }));
  const run = (_feeds: unknown, fetches: string[]) => {
    if (failure) return Promise.reject(failure);
    const fetched = outputs.filter(({ name }) => fetches.includes(name));
    return Promise.resolve(
      Object.fromEntries(
        fetched.map(({ name, dims }) => {
          const size = dims!.reduce((product, dim) => product * dim, 1);
          return [name, new Tensor('float32', new Float32Array(size).fill(0.5), dims)];
        }),
      ),
    );
  };
  return { outputMetadata, run } as unknown as InferenceSession;
}

const find = (outputs: Output[], failure?: Error) =>
  findProbabilityOutput(sessionWith(outputs, failure), 'input', 4, new Float32Array(12));

const label: Output = { name: 'label', type: 'int64' };
const float = (name: string, ...dims: number[]): Output => ({ name, type: 'float32', dims });

describe('findProbabilityOutput', () => {
  it.each<[string, Output[], { name: string; columns: number }]>([
    ['two columns, whatever their name', [label, float('y', 3, 2)], { name: 'y', columns: 2 }],
    ['one column', [label, float('y', 3, 1)], { name: 'y', columns: 1 }],
    ['one vector', [label, float('y', 3)], { name: 'y', columns: 1 }],
    ['two columns before one', [float('prob_a', 3), float('y', 3, 2)], { name: 'y', columns: 2 }],
    [
      'the name with "prob" in it',
      [float('margin', 3, 2), float('Probabilities', 3, 2)],
      {
        name: 'Probabilities',
        columns: 2,
      },
    ],
    ['the one that follows the number of rows', [float('bias', 1, 2), float('y', 3)], { name: 'y', columns: 1 }],
  ])('chooses %s', async (_what, outputs, chosen) => {
    expect(await find(outputs)).toEqual(chosen);
  });

  it.each<[string, Output[], RegExp]>([
    ['only a label', [label], /no probability output. Export a binary classifier/],
    ['more than two classes', [float('probabilities', 3, 3)], /no probability output/],
    ['a fixed number of rows', [float('probabilities', 1, 2)], /no probability output/],
    ['a sequence of maps', [label, { name: 'p', type: 'sequence' }], /export with zipmap=False/],
    ['two that look alike', [float('a', 3, 2), float('b', 3, 2)], /Several outputs .+\(a, b\).+one float output/],
    ['two that are both named so', [float('prob1', 3), float('prob2', 3)], /Several outputs .+\(prob1, prob2\)/],
  ])('refuses %s', async (_what, outputs, message) => {
    await expect(find(outputs)).rejects.toThrow(message);
  });

  it('refuses a model that fails on more than one row', async () => {
    await expect(find([float('y', 3)], new Error('shape'))).rejects.toThrow(
      /cannot score 3 rows together. Export it with a dynamic batch dimension/,
    );
  });
});
