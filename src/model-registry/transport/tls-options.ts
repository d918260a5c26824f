import { readFileSync } from 'node:fs';
import type { AgentOptions } from 'node:https';
import { errorCode } from './connection-error.js';

/**
 * How to check a server's certificate. A CA file replaces the public CAs, as it does for the Python clients.
 *
 * @throws Error that names the variable when the file cannot be read
 */
export function tlsOptions(caVariable: string, caFile: string | undefined, insecure = false): AgentOptions {
  return { ...(caFile && { ca: readCa(caVariable, caFile) }), rejectUnauthorized: !insecure };
}

function readCa(variable: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new Error(`${variable}: cannot read ${file} (${errorCode(cause)}).`, { cause });
  }
}
