/**
 * Where `make` has built a program of the monitoring stack, or the person who runs the tests has it.
 *
 * @throws Error that says how to come by it
 */
export function monitoringBinary(name: 'prometheus' | 'promtool' | 'alertmanager'): string {
  const variable = `${name.toUpperCase()}_BIN`;
  const path = process.env[variable];
  if (path) return path;
  throw new Error(
    `${variable} must name the program ${name}. \`make test-integration\` builds it, which needs Go; for one spec, run ` +
      '`make tools` and take the paths that it prints. Prometheus must be 3.0 or later.',
  );
}
