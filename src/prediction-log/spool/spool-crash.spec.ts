import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { logEntry } from '../../../test/support/log-entry.js';
import { drained, spools } from '../../../test/support/spools.js';
import { temporaryDirectories } from '../../../test/support/temporary-directory.js';

Logger.overrideLogger(false);

const AT_A_TIME = 16;
const KILLED_AFTER = [1, 50, 400];

/** Another process, from the build: 16 append without end, each says the id of what it was told is on the disk. */
const VICTIM = `
  import { newId } from '${pathToFileURL('dist/common/ids/new-id.js').href}';
  import { Spool } from '${pathToFileURL('dist/prediction-log/spool/spool.js').href}';
  const [root, entry] = process.argv.slice(1);
  const spool = new Spool(root, Infinity, { failed: (kind) => { throw new Error(kind); } });
  await spool.open();
  await Promise.all(Array.from({ length: ${AT_A_TIME} }, async () => {
    for (;;) {
      const { rows: [row], ...reply } = JSON.parse(entry);
      const id = newId();
      await spool.append({ ...reply, rows: [{ ...row, id, inputs: Float32Array.of(1, 2, 3) }] });
      process.stdout.write(id + '\\n');
    }
  }));
`;

/** @returns what the process said before it was killed, in the middle of its work */
async function killedAfter(lines: number, root: string): Promise<string[]> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', VICTIM, root, JSON.stringify(logEntry())]);
  const said: string[] = [];
  createInterface(child.stdout).on('line', (id) => {
    said.push(id);
    if (said.length === lines) child.kill('SIGKILL');
  });
  await once(child, 'close');
  return said;
}

describe('A process that is killed while it appends', () => {
  const openSpool = spools();
  const directories = temporaryDirectories();

  it('leaves every entry that it was told is on the disk, once, whenever it is killed', async () => {
    const root = path.join(directories(), 'spool');
    for (const lines of KILLED_AFTER) {
      const said = await killedAfter(lines, root);
      const spool = await openSpool(root);
      const found = (await drained(spool)).map(({ rows }) => rows[0]!.id);
      await spool.close();
      expect(said.length).toBeGreaterThanOrEqual(lines);
      expect(found).toEqual(expect.arrayContaining(said));
      expect(new Set(found).size).toBe(found.length);
      expect(found.length - said.length).toBeLessThanOrEqual(AT_A_TIME);
    }
  });
});
