/** What a stream may hold that its reader has not taken: Node.js keeps it in memory, without a bound of its own. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

type Stream = Pick<NodeJS.WriteStream, 'on' | 'write' | 'writableLength'>;

/**
 * stdout and stderr as what may go away: a reader that ends (`| tee`, `| head`), a disk that is full, a terminal that was
 * closed. A process would end by the first line after that. What one of the two does not take goes to the other, and what
 * neither takes is counted.
 */
export class Output {
  /** Writes that one of the two did not take and the other did. */
  redirected = 0;
  /** Writes that neither took. */
  lost = 0;

  /** Stands in front of both for everybody who writes to them, from now on. */
  guard(stdout: Stream, stderr: Stream): void {
    const [toStdout, toStderr] = [writerTo(stdout), writerTo(stderr)];
    this.stand(stdout, toStdout, toStderr);
    this.stand(stderr, toStderr, toStdout);
  }

  private stand(stream: Stream, write: Write, writeToOther: Write): void {
    const redirect = (chunk: Chunk) =>
      writeToOther(chunk, (refusal) => {
        if (refusal) this.lost++;
        else this.redirected++;
      });
    const guarded = (chunk: Chunk, ...rest: [BufferEncoding | Done | undefined, Done?]): boolean => {
      const done = rest.find((each) => typeof each === 'function');
      const bytes = typeof rest[0] === 'string' && typeof chunk === 'string' ? Buffer.from(chunk, rest[0]) : chunk;
      return write(bytes, (refusal) => {
        if (refusal) redirect(bytes);
        done?.(refusal);
      });
    };
    Object.assign(stream, { write: guarded });
  }
}

type Chunk = string | Uint8Array;
type Done = (refusal?: Error | null) => void;
type Write = (chunk: Chunk, done: Done) => boolean;

function writerTo(stream: Stream): Write {
  // What happens to a line is told to who wrote it; without a listener it would end the process as well.
  stream.on('error', () => undefined);
  const write = stream.write.bind(stream) as Write;
  return (chunk, done) => {
    if (stream.writableLength < MAX_WAITING_BYTES) return write(chunk, done);
    done(new Error('The reader is too slow.'));
    return false;
  };
}

/** Of this process. */
export const output = new Output();

/** Resolves once all that this process wrote has been taken, or cannot be. */
export const outputTaken = (): Promise<unknown> =>
  Promise.all([process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))));
