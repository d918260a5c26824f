import path from 'node:path';
import { afterEach } from '@jest/globals';
import { Logger, Module } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { Test, type TestingModule } from '@nestjs/testing';
import { register } from 'prom-client';
import { ActiveModel } from '../../src/model-registry/active-model.js';
import { ModelCache } from '../../src/model-registry/cache/model-cache.js';
import { ModelRegistryModule } from '../../src/model-registry/model-registry.module.js';
import { PastModels } from '../../src/model-registry/past-models.js';
import { ModelFollower } from '../../src/model-registry/reload/model-follower.js';
import { RegistryStatus } from '../../src/model-registry/reload/registry-status.js';
import { ReloadHistory } from '../../src/model-registry/reload/reload-history.js';
import { SourceWatcher } from '../../src/model-registry/reload/source-watcher.js';
import { VersionPreparer } from '../../src/model-registry/reload/version-preparer.js';
import { ModelSource } from '../../src/model-registry/source/model-source.js';
import type { FakeModelSource } from '../fakes/fake-model-source.js';
import { FIXTURE_MODELS } from './fixture-models.js';
import { writeVariant } from './model-variant.js';
import { temporaryDirectories } from './temporary-directory.js';
import { testConfig } from './test-config.js';

@Module({})
class TestConfigModule {}

/** The registry module's own parts, all real but the source. */
export interface RegistryProcess {
  follower: ModelFollower;
  watcher: SourceWatcher;
  preparer: VersionPreparer;
  pastModels: PastModels;
  activeModel: ActiveModel;
  cache: ModelCache;
  status: RegistryStatus;
  history: ReloadHistory;
  /** The version that serves; undefined while none does. */
  liveVersion(): string | undefined;
  /** Ends it, as a shutdown does. */
  close(): Promise<void>;
}

export interface RegistryLauncher {
  temporaryDirectory(): string;
  /** A model directory like `lightgbm-small` and unlike all others. */
  model(): Promise<string>;
  /** A process with the module, which no hook has been called on yet. */
  start(source: FakeModelSource, env?: { MODEL_CACHE_DIR: string } & Record<string, string>): Promise<RegistryProcess>;
}

/** Parts for specs of following the registry, closed after each test. To be called where hooks may be registered. */
export function registryLauncher(): RegistryLauncher {
  const started: RegistryProcess[] = [];
  afterEach(async () => {
    for (const each of started.splice(0)) await each.close();
  });
  const temporaryDirectory = temporaryDirectories();
  let variants = 0;

  return {
    temporaryDirectory,
    model: () =>
      writeVariant(
        `${FIXTURE_MODELS}/lightgbm-small`,
        path.join(temporaryDirectory(), 'model'),
        0.3 + ++variants / 1000,
      ),
    async start(source, env) {
      const module = await compile(source, { MODEL_CACHE_DIR: temporaryDirectory(), ...env });
      const process = parts(module);
      started.push(process);
      return process;
    },
  };
}

async function compile(source: FakeModelSource, env: Record<string, string>): Promise<TestingModule> {
  // prom-client's registry is the process's own.
  register.resetMetrics();
  const config = { provide: ConfigService, useValue: testConfig(env) };
  const module = await Test.createTestingModule({
    imports: [
      { module: TestConfigModule, global: true, providers: [config], exports: [ConfigService] },
      ModelRegistryModule,
    ],
  })
    .overrideProvider(ModelSource)
    .useValue(source)
    .compile();
  Logger.overrideLogger(false);
  return module;
}

const parts = (module: TestingModule): RegistryProcess => {
  const activeModel = module.get(ActiveModel);
  return {
    follower: module.get(ModelFollower),
    watcher: module.get(SourceWatcher),
    preparer: module.get(VersionPreparer),
    pastModels: module.get(PastModels),
    activeModel,
    cache: module.get(ModelCache),
    status: module.get(RegistryStatus),
    history: module.get(ReloadHistory),
    liveVersion: () => activeModel.peek()?.ref.version,
    close: () => module.close(),
  };
};
