import config from './jest.config.js';

/**
 * Specs of what may stand between the service and PostgreSQL. They need the program pgbouncer: `make test-topologies`.
 *
 * @type {import('jest').Config}
 */
const { coverageThreshold: _threshold, ...shared } = config;
export default { ...shared, testRegex: String.raw`\.top-spec\.ts$`, testTimeout: 120_000 };
