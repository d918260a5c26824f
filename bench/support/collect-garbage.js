/** Loaded into the service with --import: SIGUSR2 collects the garbage of its main thread, and says so on stderr. */
import { isMainThread } from 'node:worker_threads';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { COLLECTED } from './garbage-collection.js';

if (isMainThread) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  process.on('SIGUSR2', () => {
    collect();
    process.stderr.write(`${COLLECTED}\n`);
  });
}
