import { readFileSync } from 'node:fs';
import type { RuntimeFacts } from './runtime.module.js';

/** Read from where this build lies. The one module with `import.meta`, which specs (CommonJS) cannot import. */
export function runtimeFacts(): RuntimeFacts {
  const packageJson = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return {
    version: (JSON.parse(packageJson) as { version: string }).version,
    batchWorker: new URL('./prediction/batch/batch.worker.js', import.meta.url),
  };
}
