/**
 * How each kind of server is asked, and where its answer has the probabilities of default.
 *
 * @typedef {object} Request
 * @property {string} path
 * @property {(rows: number[][]) => unknown} body
 * @property {(reply: any) => number[]} probabilities
 */

/** One row, in the form of this service. */
export const predict = {
  path: '/predict',
  body: ([features]) => ({ data: { features } }),
  probabilities: ({ probability }) => [probability],
};

export const predictBatch = {
  path: '/predict/batch',
  body: (rows) => ({ data: rows.map((features) => ({ features })) }),
  probabilities: ({ predictions }) => predictions.map(({ probability }) => probability),
};

export const invocations = {
  path: '/invocations',
  body: (rows) => ({ inputs: rows }),
  probabilities: ({ predictions }) => predictions.probabilities.map(([, ofDefault]) => ofDefault),
};

export const infer = {
  path: '/v2/models/credit-default/infer',
  body: (rows) => ({
    inputs: [{ name: 'input', shape: [rows.length, rows[0].length], datatype: 'FP32', data: rows.flat() }],
  }),
  probabilities: ({ outputs }) => outputs[0].data,
};

export const bentomlPredict = {
  path: '/predict',
  body: (rows) => ({ rows }),
  probabilities: (predictions) => predictions.map(({ probability }) => probability),
};
