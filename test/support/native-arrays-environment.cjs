const { TestEnvironment } = require('jest-environment-node');

/**
 * Jest's sandbox has globals of its own; where libraries compare with those of the main realm, these are the same.
 * onnxruntime-node checks its arguments against the typed arrays; the AWS SDK and the service ask whether an error that
 * Node itself threw is an Error.
 */
module.exports = class NativeArraysEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    for (const name of [
      'Float32Array',
      'Float64Array',
      'Int32Array',
      'BigInt64Array',
      'Uint8Array',
      'ArrayBuffer',
      'Error',
    ]) {
      this.global[name] = globalThis[name];
    }
  }
};
