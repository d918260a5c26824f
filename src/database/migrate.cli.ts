import { output } from '../common/output.js';
import { commandConfig } from '../config/command-config.js';
import { DATABASE_VARIABLES } from './client-options.js';
import { migrate } from './migrate.js';

/** `npm run migration:run`: exit status 0 once the schema is that of this build, 1 where it could not be brought there. */
const WAIT_MS = 60_000;

output.guard(process.stdout, process.stderr);
try {
  const { migrations, partitions } = await migrate(commandConfig(DATABASE_VARIABLES), WAIT_MS, () => {
    process.stdout.write('waiting for log:verify, log:export, maintenance or another migration to end\n');
  });
  const lines = [...migrations.map((name) => `applied ${name}`), ...partitions.map((name) => `made partition ${name}`)];
  process.stdout.write(`${[...lines, 'The schema of the database is that of this build.'].join('\n')}\n`);
} catch (error) {
  process.stderr.write(`The database was not migrated: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
