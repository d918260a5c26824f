import { readFileSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

const FIXTURES = 'test/fixtures/exporters';

type Row = (number | null)[];

/** A model as a library exported it; `test/fixtures/exporters/README.md` says how. */
export interface ExporterGraph {
  name: string;
  /** Of the default's class, as the graph has it. */
  default: string;
  /** The library's probability of default for each of the rows; of those with missing values where it was trained with such. */
  answers: { complete: number[]; missing?: number[] };
}

/** A graph with a signature and metadata beside it, and what must come of it. */
export interface ExporterCase {
  graph: string;
  signature: string;
  metadata: { credit_default: Record<string, unknown> } | null;
  /** Names a part of the message. */
  refused?: string;
  live?: { inputs: string[]; nullable: string[]; defaultClassFrom: string };
}

interface Document {
  rows: { complete: Row[]; missing: Row[] };
  signatures: Record<string, unknown>;
  reasons: Record<string, string>;
  graphs: ExporterGraph[];
  cases: ExporterCase[];
}

export const EXPORTERS = JSON.parse(readFileSync(`${FIXTURES}/cases.json`, 'utf8')) as Document;

/** @returns the model directory of a case, made in a folder of its own below `parent` */
export async function writeExporterCase(
  { graph, signature, metadata }: ExporterCase,
  parent: string,
  name: string,
): Promise<string> {
  const directory = path.join(parent, name);
  await mkdir(directory);
  await copyFile(`${FIXTURES}/graphs/${graph}.onnx`, path.join(directory, 'model.onnx'));
  const mlmodel = {
    flavors: { onnx: { data: 'model.onnx' } },
    signature: EXPORTERS.signatures[signature],
    metadata,
  };
  await writeFile(path.join(directory, 'MLmodel'), JSON.stringify(mlmodel));
  return directory;
}
