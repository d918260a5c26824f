import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import type { DataSource } from 'typeorm';
import { output } from '../../common/output.js';
import { commandConfig } from '../../config/command-config.js';
import { DATABASE_VARIABLES, directOptions } from '../../database/client-options.js';
import { createDataSource } from '../../database/data-source.js';
import { assertSchemaIsCurrent } from '../../database/schema-check.js';
import { placeHold, releaseHold } from '../audit/legal-holds.js';

/**
 * `npm run log:hold -- --reference REFERENCE --reason TEXT`, or `--release` in place of the reason: exit status 0 once the
 * hold is as it was asked for, else 1. With `--reference -` the reference is a line of standard input, which the list of
 * processes does not show. What it says leaves the reference out, so that it can be kept.
 */
output.guard(process.stdout, process.stderr);
try {
  const { values } = parseArgs({
    options: { reference: { type: 'string' }, reason: { type: 'string' }, release: { type: 'boolean' } },
  });
  const { reason, release } = values;
  const reference = values.reference === '-' ? (await text(process.stdin)).trimEnd() : values.reference;
  if (!reference || Boolean(reason) === Boolean(release)) {
    throw new Error(
      'say --reference REFERENCE, or - to read it from standard input, with --reason TEXT, or with --release.',
    );
  }
  const dataSource = createDataSource(directOptions(commandConfig(DATABASE_VARIABLES)), { max: 1 });
  await dataSource.initialize();
  try {
    await assertSchemaIsCurrent((sql, parameters) => dataSource.query(sql, parameters));
    const said = reason ? await place(dataSource, reference, reason) : await end(dataSource, reference);
    process.stdout.write(`${new Date().toISOString()} ${said}\n`);
  } finally {
    await dataSource.destroy();
  }
} catch (error) {
  process.stderr.write(`Nothing was changed: ${(error as Error).message}\n`);
  process.exitCode = 1;
}

async function place(dataSource: DataSource, reference: string, reason: string): Promise<string> {
  const { hold, isNew, predictions } = await placeHold(dataSource, reference, reason);
  const since = isNew ? 'On hold' : `On hold already, since ${hold.placedAt.toISOString()}`;
  return `${since}. Predictions that are kept: ${predictions}, and those to come. Reason: ${hold.reason}`;
}

async function end(dataSource: DataSource, reference: string): Promise<string> {
  if (!(await releaseHold(dataSource, reference))) throw new Error('this reference is not on hold.');
  return 'Released. The records can be erased, and end with their retention.';
}
