import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { startBuiltService } from '../support/built-service.js';
import { fixtureModel } from '../support/fixture-models.js';

describe('Telemetry of the libraries', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'credit-default-home-'));
  afterAll(() => rmSync(home, { recursive: true }));

  it('is off: onnxruntime keeps no device id and no queue of events in the home directory', async () => {
    const service = await startBuiltService({ MODEL_URI: fixtureModel('lightgbm-small'), HOME: home });
    await service.stop();
    expect(readdirSync(home)).toEqual([]);
  });
});
