import { RegistryError } from '../registry-error.js';
import { failureSchema } from './mlflow.schemas.js';

/**
 * What a reply that is not a 200 means. Its body says more, but also what MLflow's own stores said of themselves: only
 * its closed set of codes goes into the message.
 *
 * @param wanted what was asked for
 */
export function refusal(server: string, wanted: string, status: number, body: string): RegistryError {
  const failure = parseFailure(body);
  const answer = `${server} answers ${status}${failure ? ` ${failure.error_code}` : ''} when asked for ${wanted}`;
  if (failure && isNotFound(failure)) {
    return new RegistryError('not-found', `${server} does not have ${wanted}: register it or correct MODEL_URI.`);
  }
  if (status === 401) {
    return new RegistryError(
      'unauthorized',
      `${answer}: check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.`,
    );
  }
  if (status === 403) {
    return new RegistryError(
      'unauthorized',
      `${answer}: the user may not read it, or the server does not know the host name that it is called by ` +
        '(mlflow server --allowed-hosts).',
    );
  }
  if (status === 429 || status >= 500) {
    return new RegistryError('server-error', `${answer}: see the log of the MLflow server.`);
  }
  return new RegistryError('invalid-reply', `${answer}: check MLFLOW_TRACKING_URI.`);
}

/** An alias that does not exist is told as an invalid parameter, of which there are other kinds. */
const isNotFound = (failure: { error_code: string; message: string }): boolean =>
  failure.error_code === 'RESOURCE_DOES_NOT_EXIST' ||
  (failure.error_code === 'INVALID_PARAMETER_VALUE' && /alias .* not found/i.test(failure.message));

function parseFailure(body: string): { error_code: string; message: string } | undefined {
  try {
    return failureSchema.parse(JSON.parse(body));
  } catch {
    return undefined;
  }
}
