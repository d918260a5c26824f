import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseModelUri } from './model-uri.js';

describe('parseModelUri', () => {
  it.each([
    ['models:/credit-default-model@production', { kind: 'alias', name: 'credit-default-model', alias: 'production' }],
    ['models:/credit default@champion', { kind: 'alias', name: 'credit default', alias: 'champion' }],
    ['models:/credit-default-model/12', { kind: 'version', name: 'credit-default-model', version: '12' }],
    ['models:/m-4c1cf4d8503a', { kind: 'logged-model', modelId: 'm-4c1cf4d8503a' }],
    ['runs:/5787de31/model', { kind: 'run', runId: '5787de31', path: 'model' }],
    ['runs:/5787de31/models/default/', { kind: 'run', runId: '5787de31', path: 'models/default' }],
    ['s3://mlflow/2/models/m-1/artifacts/', { kind: 's3', uri: 's3://mlflow/2/models/m-1/artifacts' }],
    ['file:ml/model', { kind: 'directory', path: resolve('ml/model') }],
    ['file:/srv/model', { kind: 'directory', path: '/srv/model' }],
    ['file:///srv/my%20model', { kind: 'directory', path: '/srv/my model' }],
  ])('reads %s', (text, expected) => {
    expect(parseModelUri(text)).toEqual(expected);
  });

  it.each([
    '',
    'ml/model',
    'file:',
    'file://',
    'file://other-host/model',
    'models:/credit-default-model',
    'models:/credit-default-model@',
    'models:/credit-default-model/latest',
    'models:/credit-default-model/Production',
    'models:/a/b/1',
    'runs:/5787de31',
    'runs:/5787de31/../other',
    "runs:/5787de31/a' OR '1",
    's3://mlflow',
    's3://mlflow/',
    'gs://bucket/key',
    'https://mlflow/model',
  ])('refuses %p and lists the forms', (text) => {
    expect(() => parseModelUri(text)).toThrow('must be models:/NAME@ALIAS, models:/NAME/VERSION');
  });

  it('does not repeat credentials that were put into the URI', () => {
    expect(() => parseModelUri('s3://key:s3cret@mlflow/model')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('s3cret') }),
    );
  });
});
