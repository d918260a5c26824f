import { Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Output } from './output.js';

class FakeStream extends Writable {
  readonly taken: string[] = [];
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly reader: 'reads' | 'is gone' | 'is slow') {
    super({ decodeStrings: false });
  }

  override _write(chunk: string, _encoding: string, done: (error?: Error) => void): void {
    if (this.reader === 'is gone') done(new Error('EPIPE'));
    else if (this.reader === 'is slow') this.waiting.push(() => this.take(chunk, done));
    else this.take(chunk, done);
  }

  /** Can be written to again, as stdout and stderr can. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    done(error);
    // oxlint-disable-next-line no-underscore-dangle -- what Node.js does with its own
    (this as unknown as { _undestroy(): void })._undestroy();
  }

  async catchUp(): Promise<void> {
    for (let take = this.waiting.shift(); take; take = this.waiting.shift()) {
      take();
      await nextTurn();
    }
  }

  private take(chunk: string, done: () => void): void {
    this.taken.push(chunk);
    done();
  }
}

async function guarded(ofStdout: FakeStream['reader'], ofStderr: FakeStream['reader']) {
  const [output, stdout, stderr] = [new Output(), new FakeStream(ofStdout), new FakeStream(ofStderr)];
  output.guard(stdout as unknown as NodeJS.WriteStream, stderr as unknown as NodeJS.WriteStream);
  for (const line of ['1', '2', '3']) stdout.write(line);
  await nextTurn();
  stdout.write('4');
  await nextTurn();
  stderr.write('5');
  await nextTurn();
  const { redirected, lost } = output;
  return { output, stdout, stderr, redirected, lost };
}

/** What a writer is told of its line. */
const told = (stream: Writable) => new Promise((resolve) => stream.write('line', 'utf8', resolve));

const MEBIBYTE = 'x'.repeat(1024 * 1024);

describe('Output', () => {
  it('leaves alone what is taken', async () => {
    const { stdout, stderr, ...counts } = await guarded('reads', 'reads');
    expect(stdout.taken).toEqual(['1', '2', '3', '4']);
    expect(stderr.taken).toEqual(['5']);
    expect(counts).toMatchObject({ redirected: 0, lost: 0 });
  });

  it.each([
    ['stdout', 'is gone', 'reads'],
    ['stderr', 'reads', 'is gone'],
  ] as const)('gives the other one, in order, what %s does not take', async (gone, ofStdout, ofStderr) => {
    const { stdout, stderr, ...counts } = await guarded(ofStdout, ofStderr);
    expect([...stdout.taken, ...stderr.taken]).toEqual(['1', '2', '3', '4', '5']);
    expect(counts).toMatchObject({ redirected: gone === 'stdout' ? 4 : 1, lost: 0 });
  });

  it('counts what neither takes', async () => {
    expect(await guarded('is gone', 'is gone')).toMatchObject({ redirected: 0, lost: 5 });
  });

  it('keeps 8 MiB for a slow reader, gives the other one what is beyond, and goes on when it has caught up', async () => {
    const { output, stdout, stderr } = await guarded('is slow', 'reads');
    for (let i = 0; i < 10; i++) stdout.write(MEBIBYTE);
    await nextTurn();
    expect(stderr.taken.length - 1).toBe(2);
    await stdout.catchUp();
    stdout.write('last');
    await stdout.catchUp();
    expect(stdout.taken.length).toBe(4 + 8 + 1);
    expect(output).toMatchObject({ redirected: 2, lost: 0 });
  });

  it('tells the writer when a line was taken, or that it was not', async () => {
    const { stdout, stderr } = await guarded('reads', 'is gone');
    expect(await told(stdout)).toBeFalsy();
    expect(await told(stderr)).toEqual(new Error('EPIPE'));
  });
});
