import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Copies a model directory, with another threshold: the same inputs and scores, but other bytes and so another digest.
 *
 * @returns the copy
 */
export async function writeVariant(model: string, copy: string, threshold: number): Promise<string> {
  await cp(model, copy, { recursive: true });
  const mlmodel = path.join(copy, 'MLmodel');
  const text = await readFile(mlmodel, 'utf8');
  const changed = text.replace(/^( *threshold: ).*$/m, `$1${threshold}`);
  if (changed === text) throw new Error(`${model}/MLmodel has no threshold other than ${threshold}.`);
  await writeFile(mlmodel, changed);
  return copy;
}
