import { readFileSync } from 'node:fs';

/** The model directories in test/fixtures/models; its README.md says what each is. */
export const FIXTURE_MODELS = 'test/fixtures/models';

export const fixtureModel = (name: string): string => `file:${FIXTURE_MODELS}/${name}`;

export const SERVED_MODELS = [
  'lightgbm-small',
  'named-columns',
  'reordered-columns',
  'own-key',
  'free-metadata',
  'sklearn-plain',
  'xgboost-plain',
  'no-signature',
  'single-column',
  'single-vector',
  'extra-outputs',
  'bool-labels',
  'zeros-break-it',
] as const;

/** Served once a tag says which class is the default, and refused without. */
export const LABELLED_MODELS = [
  ['string-labels', 'bad'],
  ['other-integers', '2'],
] as const;

/** Loads, or not even that, and never comes back. */
export const ENDLESS_MODEL = 'endless';

/** Each with what must be said of it: the fault, then how to put it right. */
export const REFUSED_MODELS: Readonly<Record<string, RegExp>> = {
  'string-labels':
    /classes are "bad", "good", and nothing says.+If it is "bad".+\{'default_class': 'bad'\}.+default_class=bad/,
  'other-integers': /classes are "1", "2", and nothing says which of them is the default/,
  'nan-probability': /not probabilities \(not finite\) for 64 of 64 rows.+Export it again/,
  'out-of-range-probability':
    /\(outside 0 to 1\) for 64 of 64 rows.+Export it with its sigmoid or calibration included/,
  'margin-at-zero': /\(outside 0 to 1\) for \d+ of 64 rows.+Export it with its sigmoid.+known_rows or an input_example/,
  'raw-scores': /two columns of scores do not add up to 1.+Export the model with its sigmoid/,
  'two-inputs': /has 2 inputs \(account, history\).+Export it with one float tensor/,
  'string-input': /is a string tensor; it must be float32.+encode categories beforehand/,
  'double-input': /is a float64 tensor; it must be float32.+Export it with/,
  'fixed-batch': /fixed batch size of 1.+Export it with shape \[None, d\]/,
  'zipmap-output': /sequence of maps: export with zipmap=False/,
  'no-probability-output': /no probability output.+Export a binary classifier with its probabilities/,
  'three-classes': /no probability output.+Export a binary classifier/,
  'known-rows-off': /Known row 31 of 32 is off by 0\.10 .+Save the model again/,
  'width-mismatch': /graph takes 7 inputs but MLmodel declares 5.+Save the model with the signature/,
  'names-mismatch': /graph takes 7 inputs but MLmodel declares 6.+Save the model with the signature and feature names/,
  'names-disagree':
    /feature_names are utilisation, months_late, credit_limit, the columns of its signature credit_limit,.+leave feature_names out/,
  'unknown-member': /metadata\.credit_default\.feature_name: there is no such member.+docs\/model-contract\.md/,
  'unknown-input': /feature_ranges names debt; nullable_features names bureau, which the model does not have as inputs/,
  truncated: /cannot load the ONNX file: it is damaged.+Copy or export it again/,
  'mlmodel-missing': /No MLmodel file.+MODEL_URI must name an MLflow model directory/,
  'mlmodel-unreadable': /not readable as YAML: save or download the model again/,
  'onnx-missing': /names model\.onnx, and there is no such file: save or download the model again/,
  'python-only': /no `onnx` flavor: convert the model to ONNX and save it with mlflow\.onnx/,
};

export interface Expected {
  /** `[n, d]`; null is a missing value. */
  inputs: (number | null)[][];
  /** `[n]`, of class 1, as Python's onnxruntime gives them. */
  probabilities: number[];
}

export const expectedOf = (name: string): Expected =>
  JSON.parse(readFileSync(`${FIXTURE_MODELS}/${name}/expected.json`, 'utf8')) as Expected;
