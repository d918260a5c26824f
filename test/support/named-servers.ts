const VARIABLES = [
  'MLFLOW_TRACKING_URI',
  'MLFLOW_S3_ENDPOINT_URL',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_DEFAULT_REGION',
];

/** Where the real servers are that this process's environment names, as environment of a service. */
export const namedServers = (): Record<string, string> =>
  Object.fromEntries(VARIABLES.map((name) => [name, process.env[name] ?? '']));
