/**
 * A model that must not serve. The message is one line: what is wrong with the model and how to put it right.
 */
export class ModelRejectedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = ModelRejectedError.name;
  }
}
