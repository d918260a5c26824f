import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What MODEL_URI can name. The forms are MLflow's own (https://mlflow.org/docs/latest/ml/model-registry/). */
export type ModelUri =
  | { kind: 'alias'; name: string; alias: string }
  | { kind: 'version'; name: string; version: string }
  | { kind: 'logged-model'; modelId: string }
  | { kind: 'run'; runId: string; path: string }
  | { kind: 's3'; uri: string }
  | { kind: 'directory'; path: string };

const FORMS =
  'models:/NAME@ALIAS, models:/NAME/VERSION, models:/m-ID, runs:/RUN/PATH, s3://BUCKET/KEY or file:PATH, ' +
  'for example models:/credit-default-model@production';

/** A path of names that are not dots only. No quote: a run's path goes into a search filter of MLflow. */
const RUN_PATH = /^(?:(?!\.+(?:\/|$))[^/'"\\]+(?:\/|$))+$/;

/**
 * @throws Error that lists the forms, without the text itself: it may hold credentials that were put there by mistake
 */
export function parseModelUri(text: string): ModelUri {
  const [, scheme, rest] = /^(models:\/|runs:\/|s3:\/\/|file:)(.+)$/.exec(text) ?? [];
  const uri = rest === undefined ? undefined : parseRest(scheme!, rest);
  if (!uri) throw new Error(`must be ${FORMS}`);
  return uri;
}

function parseRest(scheme: string, rest: string): ModelUri | undefined {
  switch (scheme) {
    case 'models:/':
      return parseModels(rest);
    case 'runs:/': {
      const [, runId, path] = /^(\w+)\/(.+?)\/?$/.exec(rest) ?? [];
      return runId && path && RUN_PATH.test(path) ? { kind: 'run', runId, path } : undefined;
    }
    case 's3://': {
      const [, location] = /^([a-z0-9][a-z0-9.-]+\/[^/].*?)\/*$/.exec(rest) ?? [];
      return location ? { kind: 's3', uri: `s3://${location}` } : undefined;
    }
    default:
      return parseFile(rest);
  }
}

function parseModels(rest: string): ModelUri | undefined {
  const [, modelId] = /^(m-[0-9a-f]+)$/.exec(rest) ?? [];
  if (modelId) return { kind: 'logged-model', modelId };
  const [, name, separator, which] = /^([^/:]+)([@/])([\w-]+)$/.exec(rest) ?? [];
  if (!name || !which) return undefined;
  if (separator === '@') return { kind: 'alias', name, alias: which };
  return /^\d+$/.test(which) ? { kind: 'version', name, version: which } : undefined;
}

/** A path may be relative to the working directory, unlike a `file://` URL. */
function parseFile(rest: string): ModelUri | undefined {
  if (rest === '//') return undefined;
  if (!rest.startsWith('//')) return { kind: 'directory', path: resolve(rest) };
  try {
    return { kind: 'directory', path: fileURLToPath(`file:${rest}`) };
  } catch {
    return undefined;
  }
}
