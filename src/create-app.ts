import { ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { createAdapter } from './common/http/create-adapter.js';
import { createLogger } from './config/create-logger.js';
import type { Env } from './config/env.schema.js';
import { configureApp } from './configure-app.js';
import type { RuntimeFacts } from './runtime.module.js';

/**
 * The application, wired and configured but not initialised.
 *
 * @throws Error that names the variable when the environment is not valid
 */
export async function createApp(facts: RuntimeFacts): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.register(facts), createAdapter(), {
    abortOnError: false,
    bodyParser: false,
    // What goes wrong before the environment is known is thrown, and told by the caller.
    logger: false,
  });
  const config = app.get<ConfigService<Env, true>>(ConfigService);
  app.useLogger(
    createLogger({
      LOG_FORMAT: config.get('LOG_FORMAT', { infer: true }),
      LOG_LEVEL: config.get('LOG_LEVEL', { infer: true }),
    }),
  );
  return configureApp(app);
}
