/**
 * `make release-notes TAG=v1.2.3`: what CHANGELOG.md says of a version, on stdout. Exit status 1 where the tag is not the version in
 * package.json, or CHANGELOG.md does not say when it was released.
 */
import { readFileSync } from 'node:fs';

try {
  process.stdout.write(`${notesOf(process.argv[2] ?? '')}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}

function notesOf(tag: string): string {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  if (tag !== `v${version}`) throw new Error(`The tag is "${tag}", and package.json says v${version}.`);
  const sections = readFileSync('CHANGELOG.md', 'utf8').split(/^## /m);
  const section = sections.find((text) => text.startsWith(`[${version}] - `));
  const [heading, ...lines] = (section ?? '').split('\n');
  if (!/ - \d{4}-\d{2}-\d{2}$/.test(heading!)) {
    throw new Error(`CHANGELOG.md needs a section "## [${version}] - YYYY-MM-DD".`);
  }
  return lines.join('\n').trim();
}
