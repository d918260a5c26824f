const { TestEnvironment } = require('jest-environment-node');

/**
 * onnxruntime-node checks its arguments against the typed arrays of the main realm; Jest's sandbox has its own.
 */
module.exports = class NativeArraysEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    for (const name of ['Float32Array', 'Float64Array', 'Int32Array', 'BigInt64Array', 'Uint8Array', 'ArrayBuffer']) {
      this.global[name] = globalThis[name];
    }
  }
};
