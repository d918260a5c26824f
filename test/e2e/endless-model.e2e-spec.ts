import { cpSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type BuiltService, startBuiltService } from '../support/built-service.js';
import { eventually } from '../support/eventually.js';
import { ENDLESS_MODEL, fixtureModel, FIXTURE_MODELS } from '../support/fixture-models.js';
import { temporaryDirectories } from '../support/temporary-directory.js';

const directories = temporaryDirectories();
let service: BuiltService;

afterEach(() => service.stop('SIGKILL'));

describe('A version whose graph never ends', () => {
  it('is given up after two processes were killed for it, and what served last serves again', async () => {
    const [directory, cache] = [path.join(directories(), 'model'), directories()];
    cpSync(fixtureModel('lightgbm-small').slice('file:'.length), directory, { recursive: true });
    const env = { MODEL_URI: `file:${directory}`, MODEL_CACHE_DIR: cache };
    service = await startBuiltService(env);
    const version = await liveVersion();

    cpSync(`${FIXTURE_MODELS}/${ENDLESS_MODEL}`, directory, { recursive: true });
    const [trial] = await eventually(() => {
      const trials = readdirSync(path.join(cache, 'loading'));
      expect(trials).toHaveLength(1);
      return trials;
    });
    // Like a probe that fails: the event loop does not come back, so SIGTERM would not be heard.
    expect(await service.stop('SIGKILL')).not.toBe(0);

    killOnceMore(path.join(cache, 'loading', trial!));
    service = await startBuiltService(env);
    expect(await liveVersion()).toBe(version);
    expect(service.logs()).toContain('2 processes have ended while they loaded this version or tried it');
  });
});

async function liveVersion(): Promise<string> {
  const meta = (await (await fetch(`${service.url}/meta`)).json()) as { model: { version: string } };
  return meta.model.version;
}

/** The first restart would hang like the process before it, and leave the same. */
function killOnceMore(trial: string): void {
  const [name] = readdirSync(trial);
  writeFileSync(path.join(trial, `${name}-again`), '');
}
