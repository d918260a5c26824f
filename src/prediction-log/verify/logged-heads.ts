import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { ChainHead } from '../chain/chain-writer.js';

const headSchema = z.object({
  writer: z.guid(),
  sequence: z.int().min(0),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

/**
 * The newest head of each writer in a log stream, one JSON object a line. Other lines are passed over.
 *
 * @throws Error when the file cannot be read, or holds no head at all
 */
export async function readHeads(file: string): Promise<ChainHead[]> {
  const newest = new Map<string, ChainHead>();
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    const head = headOf(line);
    if (head && head.sequence >= (newest.get(head.writer)?.sequence ?? 0)) newest.set(head.writer, head);
  }
  if (newest.size === 0) {
    throw new Error(
      `${file} holds no heads: give the service's log with LOG_FORMAT=json, where "Prediction log head" stands.`,
    );
  }
  return [...newest.values()];
}

function headOf(line: string): ChainHead | undefined {
  try {
    return headSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
