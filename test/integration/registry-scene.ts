import path from 'node:path';
import { afterEach, beforeEach, expect } from '@jest/globals';
import { readModelDirectory } from '../../src/model-registry/model-directory.js';
import { eventually } from '../support/eventually.js';
import { FollowingService } from '../support/following-service.js';
import { writeVariant } from '../support/model-variant.js';
import { type ArtifactMode, type LoggedVersion, RegistryLab } from '../support/registry-lab.js';
import { temporaryDirectories } from '../support/temporary-directory.js';

export const MODEL = 'test/fixtures/models/lightgbm-small';

export interface Scene {
  readonly lab: RegistryLab;
  readonly temporaryDirectory: () => string;
  /** A directory that is like {@link MODEL} and unlike all others. */
  modelDirectory(): Promise<string>;
  /** Registers such a directory with its digest as the next version. */
  register(): Promise<LoggedVersion & { version: string }>;
  /** Starts the service on `production`; MODEL_CACHE_DIR is a new one unless `env` names it. */
  start(env?: Record<string, string>): Promise<FollowingService>;
  /** Closed after the test, before the service stops. */
  closeAfterwards<T extends { close(): unknown }>(resource: T): T;
}

/** A registry of its own for each test, and services that end with it. To be called where hooks may be registered. */
export function registryScene(mode: () => ArtifactMode): Scene {
  const temporaryDirectory = temporaryDirectories();
  const services: FollowingService[] = [];
  const resources: { close(): unknown }[] = [];
  let lab: RegistryLab | undefined;
  let variants = 0;

  beforeEach(async () => {
    lab = await RegistryLab.create(mode());
  });
  afterEach(async () => {
    await Promise.all(services.splice(0).map((service) => service.stop('SIGKILL')));
    for (const resource of resources.splice(0).toReversed()) await resource.close();
    await lab?.close();
  });

  const modelDirectory = (): Promise<string> =>
    writeVariant(MODEL, path.join(temporaryDirectory(), 'model'), 0.3 + ++variants / 1000);

  return {
    temporaryDirectory,
    modelDirectory,
    get lab() {
      return lab!;
    },
    async register() {
      const directory = await modelDirectory();
      return lab!.register(directory, { tags: { sha256: (await readModelDirectory(directory)).digest } });
    },
    async start(env = {}) {
      const service = await FollowingService.start({
        MODEL_URI: `models:/${lab!.modelName}@production`,
        MODEL_CACHE_DIR: env['MODEL_CACHE_DIR'] ?? temporaryDirectory(),
        ...env,
      });
      services.push(service);
      return service;
    },
    closeAfterwards(resource) {
      resources.push(resource);
      return resource;
    },
  };
}

export const serves = (service: FollowingService, version: string): Promise<void> =>
  eventually(async () => expect(await service.version()).toBe(version));
