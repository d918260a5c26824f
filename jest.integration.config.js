import config from './jest.config.js';

/**
 * Specs against a real MLflow and MinIO: see globalSetup for what they need.
 *
 * @type {import('jest').Config}
 */
export default {
  ...config,
  roots: ['<rootDir>/test/integration'],
  testRegex: String.raw`\.int-spec\.ts$`,
  globalSetup: '<rootDir>/test/integration/require-services.ts',
  testTimeout: 30_000,
};
