import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach } from '@jest/globals';

/** Another process, from the build: notes in the cache that it loads a version, says so, and never comes to an end. */
const LOADER = `
  import { ModelCache } from '${pathToFileURL('dist/model-registry/cache/model-cache.js').href}';
  const [MODEL_CACHE_DIR, identity] = process.argv.slice(1);
  const cache = new ModelCache({ get: (name) => ({ MODEL_CACHE_DIR, MODEL_CACHE_MAX_BYTES: 1e9 })[name] });
  const trial = await cache.beginTrial(identity);
  console.log('loading');
  setInterval(() => trial, 60_000);
`;

/** Processes that load a version and do not end to, killed after each test. To be called where hooks may be registered. */
export function loadingProcesses() {
  const started: ChildProcess[] = [];
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
  });

  async function load(cache: string, identity: string): Promise<ChildProcess> {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', LOADER, cache, identity]);
    started.push(child);
    await once(child.stdout, 'data');
    return child;
  }

  return {
    load,
    /** A process that began to load the version and was killed over it. */
    async die(cache: string, identity: string): Promise<void> {
      const child = await load(cache, identity);
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

/** Moves when versions were begun to be loaded into the past, for all processes that have not ended to. */
export function ageTrials(cache: string, agoMs: number): void {
  const begunAt = new Date(Date.now() - agoMs);
  const root = path.join(cache, 'loading');
  for (const folder of readdirSync(root)) {
    for (const name of readdirSync(path.join(root, folder)))
      utimesSync(path.join(root, folder, name), begunAt, begunAt);
  }
}
