/** Jest's globalTeardown. */
export default async function stopDatabaseServer(): Promise<void> {
  await globalThis.stopDatabaseServer();
  globalThis.stopDatabaseServer = () => Promise.resolve();
}
