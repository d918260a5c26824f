/**
 * `make audit`: what is known against the dependencies in the lock files. Exit status 0 when all of it could be asked and nothing
 * of consequence was said; a database that cannot be reached is no good news.
 */
import { execFile } from 'node:child_process';

/** Empty where there is nothing to say. */
type Findings = string[];

interface NpmAudit {
  metadata?: { vulnerabilities: Record<'high' | 'critical', number> };
}
interface NpmSignatures {
  invalid: { name: string }[];
  missing: { name: string }[];
}
interface PipAudit {
  dependencies: { name: string; version?: string; skip_reason?: string; vulns?: { id: string }[] }[];
}

const PYTHON_LOCKS = ['ml/requirements-dev.lock', 'deploy/mlflow/requirements.lock'];

await report('npm audit: known vulnerabilities, high and critical', npmAudit());
await report('npm audit signatures: packages are what the registry signed', npmSignatures());
for (const lock of PYTHON_LOCKS) await report(`pip-audit ${lock}: known vulnerabilities`, pipAudit(lock));

async function npmAudit(): Promise<Findings> {
  const { metadata } = JSON.parse(await output('npm', 'audit', '--json')) as NpmAudit;
  const { high, critical } = metadata!.vulnerabilities;
  return high + critical > 0 ? [`${critical} critical, ${high} high: run "npm audit"`] : [];
}

async function npmSignatures(): Promise<Findings> {
  const { invalid, missing } = JSON.parse(await output('npm', 'audit', 'signatures', '--json')) as NpmSignatures;
  return [
    ...invalid.map(({ name }) => `${name} has a signature that does not fit`),
    ...missing.map(({ name }) => `${name} has no signature`),
  ];
}

async function pipAudit(lock: string): Promise<Findings> {
  const options = ['--disable-pip', '--require-hashes', '--progress-spinner', 'off', '--format', 'json'];
  const text = await output('ml/.venv/bin/pip-audit', ...options, '--requirement', lock);
  const { dependencies } = JSON.parse(text) as PipAudit;
  // It says so of a package, too, when the database has nothing to say of any.
  const unknown = dependencies.filter(({ skip_reason: reason }) => reason !== undefined);
  if (unknown.length > 0) throw new Error(`${unknown.length} packages could not be looked up`);
  return dependencies.flatMap(({ name, version, vulns = [] }) => vulns.map(({ id }) => `${name} ${version}: ${id}`));
}

async function report(what: string, findings: Promise<Findings>): Promise<void> {
  const lines = await findings.then(
    (found) => (found.length === 0 ? ['nothing'] : found),
    () => ['NOT AUDITED: the database cannot be reached from here'],
  );
  if (lines[0] !== 'nothing') process.exitCode = 1;
  process.stdout.write(`${what}\n${lines.map((line) => `  ${line}\n`).join('')}`);
}

/** What a program says, whatever its exit status: findings have one of their own. */
function output(program: string, ...args: string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, args, { maxBuffer: 64 * 1024 * 1024 }, (_error, stdout) => resolve(stdout));
  });
}
