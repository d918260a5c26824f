import { RegistryError } from '../registry-error.js';

/**
 * Checks a path that a listing gave, before it is asked for or written to.
 *
 * @throws RegistryError `invalid-reply` when it is not plainly below the version's directory
 */
export function assertInside(path: string): void {
  const plain = path.split('/').every((name) => name !== '' && name !== '.' && name !== '..');
  if (!plain || /[\\\0]/.test(path)) {
    throw new RegistryError(
      'invalid-reply',
      `The list of the version's files has a path that is not inside its directory: ${JSON.stringify(path.slice(0, 200))}.`,
    );
  }
}
