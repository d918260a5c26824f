import { describe, expect, it } from '@jest/globals';
import { safeUri } from './safe-uri.js';

describe('safeUri', () => {
  it.each([
    ['ftp://user:s3cret@host/models/1', 'ftp://host/models/1'],
    ['mlflow-artifacts://user:s3@cret@host/models', 'mlflow-artifacts://host/models'],
    ['wasbs://models@account/1?sig=s3cret', 'wasbs://account/1'],
    ['s3://bucket/a@b/1', 's3://bucket/a@b/1'],
    ['mlflow-artifacts:/1/models', 'mlflow-artifacts:/1/models'],
  ])('tells %s as %s', (uri, told) => {
    expect(safeUri(uri)).toBe(told);
  });
});
