import { type DynamicModule, Module } from '@nestjs/common';
import { SERVICE_VERSION } from './meta/service-version.js';
import { BATCH_WORKER_URL } from './prediction/batch/batch-pool.js';

/** What only the entry point knows, because it depends on where the service was built to. */
export interface RuntimeFacts {
  /** The service's own version. */
  version: string;
  /** The compiled `prediction/batch/batch.worker.js`. */
  batchWorker: URL;
}

@Module({})
export class RuntimeModule {
  static register({ version, batchWorker }: RuntimeFacts): DynamicModule {
    const providers = [
      { provide: SERVICE_VERSION, useValue: version },
      { provide: BATCH_WORKER_URL, useValue: batchWorker },
    ];
    return { module: RuntimeModule, global: true, providers, exports: providers };
  }
}
