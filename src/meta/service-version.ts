/** Token for the version in package.json, which only the entry point can find. */
export const SERVICE_VERSION = Symbol('SERVICE_VERSION');
