import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseInputExample } from './input-example.js';
import { parseMlmodel, type MlModel } from './mlmodel.js';
import { ModelRejectedError } from './model-rejected.error.js';

export interface ModelFiles {
  mlmodel: MlModel;
  /** The ONNX file, in shared memory so that threads can create their own sessions from these very bytes. */
  onnx: Uint8Array<SharedArrayBuffer>;
  /**
   * Rows of the input example that MLflow saved with the model, in the model's order; null is a missing value. Empty where there
   * is none, or none that can be read. Their width is not checked.
   */
  exampleRows: (number | null)[][];
  /** What of the directory is not used, and why. */
  warnings: string[];
  /** Names the bytes of the whole directory; see {@link manifestDigest}. */
  digest: string;
}

/** What only somebody can mend. After anything else, such as too many open files, the same may be read a moment later. */
const LASTING_FAULTS: ReadonlySet<string | undefined> = new Set([
  'ENOENT',
  'ENOTDIR',
  'EACCES',
  'EPERM',
  'ELOOP',
  'ENAMETOOLONG',
  'ERR_FS_FILE_TOO_LARGE',
]);

/** A whole data set is no example, and would take its time at every look at a local directory. */
const MAX_EXAMPLE_BYTES = 1024 * 1024;

interface ManifestEntry {
  /** Relative to the directory, with forward slashes. */
  path: string;
  sizeBytes: number;
  sha256: string;
}

/**
 * Reads and parses an MLflow model directory. Every file is read once: what is hashed is what is used.
 *
 * @throws ModelRejectedError when it is missing, incomplete or may not be read; Error when it could not be read just now,
 *   which says nothing about the model
 */
export async function readModelDirectory(directory: string): Promise<ModelFiles> {
  const contents = await readFiles(directory);
  const mlmodelFile = contents.get('MLmodel');
  if (!mlmodelFile) {
    throw new ModelRejectedError('No MLmodel file: MODEL_URI must name an MLflow model directory.');
  }
  const mlmodel = parseMlmodel(mlmodelFile.toString('utf8'));
  const onnxFile = contents.get(mlmodel.onnxPath);
  if (!onnxFile) {
    throw new ModelRejectedError(
      `MLmodel names ${mlmodel.onnxPath}, and there is no such file: save or download the model again.`,
    );
  }
  const onnx = new Uint8Array(new SharedArrayBuffer(onnxFile.byteLength));
  onnx.set(onnxFile);
  const { exampleRows, warnings } = readExample(contents, mlmodel);
  return {
    mlmodel,
    onnx,
    exampleRows,
    warnings: [...mlmodel.warnings, ...warnings],
    digest: manifestDigest([...contents].map(([name, bytes]) => manifestEntry(name, bytes))),
  };
}

function readExample(
  contents: ReadonlyMap<string, Buffer>,
  { examplePath, inputNames }: MlModel,
): Pick<ModelFiles, 'exampleRows' | 'warnings'> {
  const files = [examplePath ?? 'input_example.json', 'serving_input_example.json'].flatMap(
    (name) => contents.get(name) ?? [],
  );
  for (const file of files) {
    const rows = file.byteLength <= MAX_EXAMPLE_BYTES && parseInputExample(file.toString('utf8'), inputNames);
    if (rows) return { exampleRows: rows, warnings: [] };
  }
  const warning =
    'The input example is not used: it is no table of numbers with the inputs of the model, or larger than ' +
    `${MAX_EXAMPLE_BYTES / 1024} KiB.`;
  return { exampleRows: [], warnings: files.length > 0 ? [warning] : [] };
}

/**
 * Reads a directory that was stored under its digest.
 *
 * @returns undefined when its files are gone or damaged
 * @throws Error when it could not be read just now
 */
export async function readIntact(directory: string, digest: string): Promise<ModelFiles | undefined> {
  try {
    const files = await readModelDirectory(directory);
    return files.digest === digest ? files : undefined;
  } catch (error) {
    if (error instanceof ModelRejectedError) return undefined;
    throw error;
  }
}

/**
 * SHA-256 (hex) over one line per file, sorted by path in code point order: `<sha256> <size in bytes> <path>\n`.
 */
export function manifestDigest(manifest: readonly ManifestEntry[]): string {
  const lines = manifest
    .toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
    .map((file) => `${file.sha256} ${file.sizeBytes} ${file.path}\n`);
  return sha256(lines.join(''));
}

const manifestEntry = (name: string, bytes: Buffer): ManifestEntry => ({
  path: name,
  sizeBytes: bytes.byteLength,
  sha256: sha256(bytes),
});

/** In hex. */
export const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');

async function readFiles(directory: string): Promise<Map<string, Buffer>> {
  try {
    // Looked for first, because MODEL_URI may name by mistake a directory that is far larger than a model.
    if (!(await readdir(directory)).includes('MLmodel')) return new Map();
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    return new Map(
      await Promise.all(
        files.map(async (entry): Promise<[string, Buffer]> => {
          const file = path.join(entry.parentPath, entry.name);
          return [path.relative(directory, file).replaceAll(path.sep, '/'), await readFile(file)];
        }),
      ),
    );
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (!LASTING_FAULTS.has(code)) {
      throw new Error(`The model directory ${directory} cannot be read just now (${code}).`, { cause });
    }
    throw new ModelRejectedError(
      `Cannot read the model directory ${directory} (${code}): check MODEL_URI and the permissions.`,
      { cause },
    );
  }
}
