/** Why the registry or the artifact store did not give what was asked for. */
export type RegistryFailure =
  | 'unreachable'
  | 'timeout'
  | 'server-error'
  | 'unauthorized'
  | 'not-found'
  | 'invalid-reply'
  | 'too-large'
  | 'incomplete';

/**
 * MLflow or the artifact store could not be asked, or gave no usable answer. Trying again may help; what is wrong with
 * a model itself is a ModelRejectedError. The message is one line without credentials or bodies.
 */
export class RegistryError extends Error {
  constructor(
    readonly failure: RegistryFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = RegistryError.name;
  }
}
