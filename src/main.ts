// oxlint-disable-next-line import/no-unassigned-import -- before all others, since what loads them collects garbage
import './common/fast-ticks.js';
import { Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { endsWithin } from './common/ends-within.js';
import { output, outputTaken } from './common/output.js';
import { createLogger } from './config/create-logger.js';
import type { Env } from './config/env.schema.js';
import { Listeners } from './common/http/listeners.js';
import { Shutdown } from './common/shutdown/shutdown.js';
import { createApp } from './create-app.js';
import { ActiveModel } from './model-registry/active-model.js';
import { runtimeFacts } from './runtime-facts.js';

/** For a reader that is slow to take the last lines. */
const OUTPUT_MS = 2000;

async function main(): Promise<void> {
  const app = await createApp(runtimeFacts());
  const config = app.get<ConfigService<Env, true>>(ConfigService);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      const shutdown = app.get(Shutdown);
      if (shutdown.isBegun) new Logger('Service').warn('Already shutting down', { signal });
      else void shutdown.run(app).then((inTime) => exit(inTime ? 0 : 1));
    });
  }
  const [port, host] = [config.get('PORT', { infer: true }), config.get('HOST', { infer: true })];
  await app.get(Listeners).open(app.getHttpServer(), (options) => app.listen(options), { port, host });
  const url = (await app.getUrl()).replace('[::1]', 'localhost').replace('127.0.0.1', 'localhost');
  const isReady = app.get(ActiveModel).peek() !== undefined;
  new Logger('Service').log(isReady ? 'Ready' : 'Listening; not ready until a model is live', {
    url,
    docs: `${url}/docs`,
    metrics: `${url}/metrics`,
  });
}

/** With what was written, as far as it is taken. */
async function exit(code: number): Promise<never> {
  await endsWithin(OUTPUT_MS, outputTaken());
  process.exit(code);
}

output.guard(process.stdout, process.stderr);
try {
  await main();
} catch (error) {
  const logger = createLogger({ LOG_FORMAT: 'auto', LOG_LEVEL: 'error' });
  logger.error(`The service did not start: ${error instanceof Error ? error.message : String(error)}`);
  await exit(1);
}
