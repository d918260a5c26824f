import { RegistryError } from '../registry-error.js';

const TLS_ERROR = /CERT|^ERR_TLS|^ERR_SSL|UNABLE_TO_|SELF_SIGNED/;

/** A server as error messages name it. */
export interface ServerName {
  /** With its address, without credentials: `MLflow at http://mlflow:5000`. */
  label: string;
  /** The variable that holds its address. */
  addressVariable: string;
  /** The variable that names its CA certificates. */
  caVariable: string;
}

/** What it means that a request got no reply at all, from the error of Node's socket, TLS or HTTP layer. */
export function connectionError(server: ServerName, cause: unknown): RegistryError {
  const code = errorCode(cause);
  if (code.startsWith('HPE_')) {
    return new RegistryError('invalid-reply', `${server.label} does not speak HTTP: check ${server.addressVariable}.`, {
      cause,
    });
  }
  const advice = TLS_ERROR.test(code)
    ? `its certificate is not accepted, check ${server.caVariable}`
    : `check that it runs and ${server.addressVariable}`;
  return new RegistryError('unreachable', `${server.label} cannot be reached (${code}): ${advice}.`, { cause });
}

/** The code that Node's own errors carry, else the kind of error. */
export function errorCode(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return String(code ?? name);
}
