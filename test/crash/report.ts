import type { CrashLoad } from './load.ts';
import type { CrashRig, Told } from './rig.ts';

/**
 * Stops the service and compares every answer that a client has got with the table.
 *
 * @returns whether none is missing, differs or is there twice, and the chain fits
 */
export async function report(rig: CrashRig, load: CrashLoad): Promise<boolean> {
  await rig.endService('SIGTERM');
  const verified = await rig.verified();
  const stored = await rig.storedRows();
  const { acknowledged } = load;
  const missing = acknowledged.filter(({ id }) => !stored.has(id)).length;
  const different = acknowledged.filter((row) => stored.has(row.id) && !isSame(row, stored.get(row.id)!)).length;
  const duplicates = stored.size - new Set([...stored.values()].map(({ reference }) => reference)).size;
  const figures = {
    'acknowledged rows': acknowledged.length,
    'requests refused': load.refused,
    'requests broken': load.broken,
    'rows in the table': stored.size,
    'never acknowledged': stored.size - (acknowledged.length - missing),
    missing,
    different,
    duplicates,
    chain: verified ? 'fits' : 'DOES NOT FIT',
  };
  for (const [name, figure] of Object.entries(figures)) process.stdout.write(`${name.padEnd(20)} ${figure}\n`);
  return missing + different + duplicates === 0 && verified && acknowledged.length > 0;
}

const isSame = (a: Told, b: Told): boolean =>
  a.reference === b.reference && Math.fround(a.probability) === Math.fround(b.probability);
