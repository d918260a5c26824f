import { describe, expect, it } from '@jest/globals';
import { ModelRejectedError } from './model-rejected.error.js';
import { parseSignature } from './signature.js';

const tensor = (shape: number[], name?: string) => [
  { type: 'tensor', name, 'tensor-spec': { dtype: 'float32', shape } },
];
const column = (name?: unknown, type = 'double') => ({ type, name, required: false });

describe('parseSignature', () => {
  it.each<[string, unknown, number | undefined, string[] | undefined]>([
    ['named columns', [column('income'), column('age', 'long')], 2, ['income', 'age']],
    ['columns without names', [column(), column()], 2, undefined],
    ['columns that pandas has numbered', [column(0), column(1)], 2, undefined],
    ['columns of which one has no name', [column('income'), column('')], 2, undefined],
    ['a tensor', tensor([-1, 3]), 3, undefined],
    ['a tensor with a name, which is that of all inputs together', tensor([-1, 3], 'input'), 3, undefined],
    ['a tensor of open width', tensor([-1, -1]), undefined, undefined],
    ['one column of arrays', [{ type: 'array', items: { type: 'double' }, name: 'features' }], undefined, undefined],
    ['what MLflow cannot tell', [{ type: 'any' }], undefined, undefined],
    ['no inputs', [], undefined, undefined],
  ])('reads %s', (_what, inputs, width, names) => {
    expect(parseSignature(JSON.stringify(inputs))).toEqual({ width, names });
  });

  it.each(['[', '{}', '[{"name": "income"}]'])('refuses %s', (inputs) => {
    expect(() => parseSignature(inputs)).toThrow(ModelRejectedError);
    expect(() => parseSignature(inputs)).toThrow(/signature in MLmodel cannot be read: save the model again/);
  });
});
