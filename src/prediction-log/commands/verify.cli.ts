import { parseArgs } from 'node:util';
import { output } from '../../common/output.js';
import { commandConfig } from '../../config/command-config.js';
import { directOptions, DATABASE_VARIABLES } from '../../database/client-options.js';
import { idRange } from '../scan/id-range.js';
import { onSnapshot } from '../scan/snapshot.js';
import { readHeads } from '../verify/logged-heads.js';
import { reportOf } from '../verify/report.js';
import { verifyLog } from '../verify/verify-log.js';
import { timeArgument } from './time-argument.js';

/**
 * `npm run log:verify -- [--from TIME] [--to TIME] [--heads FILE]`: exit status 0 if all of the range fits, 1 if something
 * does not, 2 if it could not be checked.
 */
output.guard(process.stdout, process.stderr);
try {
  const { values } = parseArgs({
    options: { from: { type: 'string' }, to: { type: 'string' }, heads: { type: 'string' } },
  });
  const config = commandConfig([...DATABASE_VARIABLES, 'PREDICTION_LOG_CHAIN_KEY']);
  const key = config.get('PREDICTION_LOG_CHAIN_KEY', { infer: true });
  if (key === undefined) throw new Error('PREDICTION_LOG_CHAIN_KEY is not set: it is the key that the service has.');
  const range = idRange(timeArgument('from', values.from), timeArgument('to', values.to));
  const heads = values.heads === undefined ? [] : await readHeads(values.heads);
  const verification = await onSnapshot(directOptions(config), (query) => verifyLog(query, range, key, heads));
  process.stdout.write(`${reportOf(verification)}\n`);
  process.exitCode = verification.findings.count === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`The log was not checked: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
