/**
 * The image's health check: exit status 0 when the service in this container answers the path with success.
 *
 *   node deploy/service/healthcheck.js /health/live
 */
const { PORT } = process.env;
const answer = await fetch(`http://127.0.0.1:${PORT || 8000}${process.argv[2]}`).catch(() => undefined);
process.exitCode = answer?.ok ? 0 : 1;
