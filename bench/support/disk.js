import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { sorted } from './report.js';

const APPENDS = 200;

/** How long the disk that holds a directory takes to keep a small append. @returns ascending */
export async function flushTimesMs(directory) {
  const file = path.join(directory, 'bench-flush');
  const handle = await open(file, 'w');
  const block = Buffer.alloc(4096);
  const times = [];
  for (let i = 0; i < APPENDS; i++) {
    const startedAt = performance.now();
    await handle.write(block);
    await handle.datasync();
    times.push(performance.now() - startedAt);
  }
  await handle.close();
  await rm(file);
  return sorted(times);
}
