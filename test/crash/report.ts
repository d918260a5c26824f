import type { AnsweredKey, CrashLoad } from './load.ts';
import type { CrashRig, Stored, StoredRow, Told } from './rig.ts';

/**
 * Stops the service and compares every answer that a client has got with the table.
 *
 * @returns whether none is missing, differs or is there twice, every key has the one record of its answer, every batch is there
 *   with all of its rows or none, every row's context is there, and the chain fits
 */
export async function report(rig: CrashRig, load: CrashLoad): Promise<boolean> {
  await rig.endService('SIGTERM');
  const verified = await rig.verified();
  const stored = await rig.stored();
  const { rows } = stored;
  const { acknowledged, answeredKeys } = load;
  const missing = acknowledged.filter(({ id }) => !rows.has(id)).length;
  const faults = {
    missing,
    different: acknowledged.filter((row) => rows.has(row.id) && !isSame(row, rows.get(row.id)!)).length,
    duplicates: rows.size - new Set([...rows.values()].map(({ reference }) => reference)).size,
    'torn batches': tornEntries(rows.values()),
    'keys never answered': load.unansweredKeys,
    'keys answered anew': load.changed,
    'keys recorded wrong': answeredKeys.filter((answered) => !isRecorded(answered, stored)).length,
    'keys failed': load.failedKeys,
    'without context': stored.rowsWithoutContext,
  };
  const figures = {
    'acknowledged rows': acknowledged.length,
    'requests refused': load.refused,
    'requests broken': load.broken,
    'requests repeated': load.repeated,
    'keys answered': answeredKeys.length,
    'keys asked again': load.askedAgain,
    'rows in the table': rows.size,
    'never acknowledged': rows.size - (acknowledged.length - missing),
    ...faults,
    chain: verified ? 'fits' : 'DOES NOT FIT',
  };
  for (const [name, figure] of Object.entries(figures)) process.stdout.write(`${name.padEnd(20)} ${figure}\n`);
  const isFaultless = Object.values(faults).every((count) => count === 0);
  return isFaultless && verified && acknowledged.length > 0 && answeredKeys.length > 0;
}

const isSame = (a: Told, b: Told): boolean =>
  a.reference === b.reference && Math.fround(a.probability) === Math.fround(b.probability);

/** A request's references say how many rows it had. */
function tornEntries(rows: Iterable<StoredRow>): number {
  const entries = Map.groupBy(rows, ({ entryId }) => entryId);
  return [...entries.values()].filter(([first, ...others]) => !first!.reference.endsWith(`-of-${1 + others.length}`))
    .length;
}

/** A second record of it would show in a reference that is there twice, and another answer to a batch when it is asked again. */
function isRecorded({ key, sha256, id }: AnsweredKey, { rows, keys }: Stored): boolean {
  const record = keys.get(key);
  if (!record || record.entryId !== rows.get(id)?.entryId) return false;
  return record.sha256 === null || record.sha256 === sha256;
}
