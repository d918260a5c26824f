import { PassThrough, type Readable } from 'node:stream';
import { RegistryError } from '../registry-error.js';

/**
 * The body of a file on its way: what cuts it short becomes a RegistryError `incomplete`. Destroying it closes the
 * connection.
 *
 * @param what names the file in the error
 */
export function artifactStream(source: Readable, what: string): Readable {
  const body = new PassThrough({
    destroy(error, done) {
      source.destroy();
      done(error);
    },
  });
  source.on('error', (cause) => {
    body.destroy(new RegistryError('incomplete', `${what} broke off before its end.`, { cause }));
  });
  return source.pipe(body);
}
