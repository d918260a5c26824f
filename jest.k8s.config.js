import config from './jest.config.js';

/**
 * What deploy/k8s promises, asserted on the rendered manifests that `make check-k8s` leaves in .tools/rendered.
 *
 * @type {import('jest').Config}
 */
const { globalSetup: _start, globalTeardown: _stop, coverageThreshold: _threshold, ...shared } = config;
export default { ...shared, testRegex: String.raw`\.k8s-spec\.ts$` };
