import { describe, expect, it } from '@jest/globals';
import { parseInputExample } from './input-example.js';

const NAMES = ['income', 'age'];

describe('parseInputExample', () => {
  it.each([
    ['an array', '[[1, null], [2, 3]]'],
    ['an array in an envelope', '{"inputs": [[1, null], [2, 3]]}'],
    ['instances', '{"instances": [[1, null], [2, 3]]}'],
    ['a named tensor', '{"inputs": {"input": [[1, null], [2, 3]]}}'],
    ["a data frame, with Python's NaN", '{"columns": ["age", "income"], "data": [[NaN, 1], [3, 2]]}'],
    ['a data frame in an envelope', '{"dataframe_split": {"columns": ["age", "income"], "data": [[NaN, 1], [3, 2]]}}'],
    ['a data frame without names', '{"data": [[1, NaN], [2, 3]]}'],
    ['a data frame with numbers for names', '{"columns": [0, 1], "data": [[1, NaN], [2, 3]]}'],
    ['records', '[{"age": null, "income": 1}, {"income": 2, "age": 3}]'],
    ['records in an envelope', '{"dataframe_records": [{"age": null, "income": 1}, {"income": 2, "age": 3}]}'],
    ['columns by name', '{"inputs": {"age": [NaN, 3], "income": [1, 2]}}'],
  ])('reads %s, in the order of the model', (_what, text) => {
    expect(parseInputExample(text, NAMES)).toEqual([
      [1, null],
      [2, 3],
    ]);
  });

  it.each([
    ['an array', '[1, true]'],
    ['a record', '{"age": true, "income": 1}'],
  ])('reads a single row as %s', (_what, text) => {
    expect(parseInputExample(text, NAMES)).toEqual([[1, 1]]);
  });

  it('keeps the order of the file where the model names nothing', () => {
    expect(parseInputExample('{"columns": ["age", "income"], "data": [[NaN, 1]]}', undefined)).toEqual([[null, 1]]);
    expect(parseInputExample('[{"age": 4, "income": 1}, {"income": 2, "age": 3}]', undefined)).toEqual([
      [4, 1],
      [3, 2],
    ]);
  });

  it.each([
    ['what is not JSON', '[1,'],
    ['an empty table', '[]'],
    ['text', '"NaN"'],
    ['values that are no numbers', '[["NaN", 1]]'],
    ['a number beyond 32 bits', '[[1e39, 1]]'],
    ['other names', '{"columns": ["age", "debt"], "data": [[1, 2]]}'],
    ['records of other names', '[{"age": 1, "debt": 2}]'],
    ['records that lack a name', '[{"age": 1}]'],
    ['columns of unequal length', '{"age": [1, 2], "income": [1]}'],
  ])('finds no rows in %s', (_what, text) => {
    expect(parseInputExample(text, NAMES)).toBeUndefined();
  });
});
