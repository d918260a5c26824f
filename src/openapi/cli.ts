import { readFile, writeFile } from 'node:fs/promises';
import { createApp } from '../create-app.js';
import { runtimeFacts } from '../runtime-facts.js';
import { openApiDocument } from './openapi-document.js';

/** `cli.js write FILE` or `cli.js check FILE`: keeps a copy of the OpenAPI document in the repository. */
const [command, file] = process.argv.slice(2);
if ((command !== 'write' && command !== 'check') || file === undefined) {
  process.stderr.write('usage: openapi/cli.js write|check FILE\n');
  process.exit(2);
}
const app = await createApp(runtimeFacts());
const document = `${JSON.stringify(openApiDocument(app), null, 2)}\n`;
if (command === 'write') {
  await writeFile(file, document);
} else if ((await readFile(file, 'utf8')) !== document) {
  process.stderr.write(`${file} is not what the service serves: run "npm run openapi:write" and commit the result.\n`);
  process.exitCode = 1;
}
await app.close();
