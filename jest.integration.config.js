import config from './jest.config.js';

/**
 * Specs against a real MLflow and MinIO, and those of the prediction log against a PostgreSQL that is not ours: see
 * globalSetup for what they need.
 *
 * @type {import('jest').Config}
 */
export default {
  ...config,
  testRegex: String.raw`(\.int-spec|/prediction-log\.e2e-spec|/(committed|spooled)-log\.spec)\.ts$`,
  globalSetup: '<rootDir>/test/integration/require-services.ts',
  testTimeout: 30_000,
};
