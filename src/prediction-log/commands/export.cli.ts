import { parseArgs } from 'node:util';
import { output } from '../../common/output.js';
import { commandConfig } from '../../config/command-config.js';
import { directOptions, DATABASE_VARIABLES } from '../../database/client-options.js';
import { exportPredictions } from '../export/export-predictions.js';
import { idRange } from '../scan/id-range.js';
import { onSnapshot } from '../scan/snapshot.js';
import { timeArgument } from './time-argument.js';

/** `npm run log:export -- [--from TIME] [--to TIME] --out FILE`: exit status 0 once the file is written, else 1. */
output.guard(process.stdout, process.stderr);
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    process.stderr.write('Nothing was exported: it was stopped.\n');
    process.exit(1);
  });
}
try {
  const { values } = parseArgs({
    options: { from: { type: 'string' }, to: { type: 'string' }, out: { type: 'string' } },
  });
  const { out } = values;
  if (!out) throw new Error('--out FILE says where to write to.');
  const range = idRange(timeArgument('from', values.from), timeArgument('to', values.to));
  const options = directOptions(commandConfig(DATABASE_VARIABLES));
  const rows = await onSnapshot(options, (query) => exportPredictions(query, range, out));
  process.stdout.write(`Wrote ${rows} predictions to ${out}.\n`);
} catch (error) {
  process.stderr.write(`Nothing was exported: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
