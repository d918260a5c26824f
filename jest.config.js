/**
 * Specs run as CommonJS (production runs as ES modules; the built-service spec covers that): in Jest's ESM mode
 * @willsoto/nestjs-prometheus fails on a require cycle.
 *
 * @type {import('jest').Config}
 */
export default {
  globalSetup: '<rootDir>/test/support/start-database-server.ts',
  globalTeardown: '<rootDir>/test/support/stop-database-server.ts',
  testEnvironment: '<rootDir>/test/support/native-arrays-environment.cjs',
  roots: ['<rootDir>/src', '<rootDir>/test'],
  // Some specs start the built service; this is ample also on a busy machine.
  testTimeout: 30_000,
  testRegex: String.raw`\.(e2e-)?spec\.ts$`,
  transform: {
    [String.raw`\.ts$`]: [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          target: 'es2023',
        },
        module: { type: 'commonjs' },
      },
    ],
  },
  moduleNameMapper: { [String.raw`^(\.{1,2}/.*)\.js$`]: '$1' },
  collectCoverageFrom: ['src/**/*.ts', '!src/**/*.spec.ts'],
  coverageProvider: 'v8',
  coverageThreshold: { global: { lines: 90 } },
};
