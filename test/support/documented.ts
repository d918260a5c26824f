import { readFileSync } from 'node:fs';
import { expect } from '@jest/globals';

export type Route = `${string} /${string}`;

interface Header {
  required?: boolean;
}

export interface DocumentedResponse {
  headers?: Record<string, { $ref: string }>;
  content?: Record<string, { examples?: Record<string, unknown> }>;
}

export interface OpenApiDocument {
  openapi: string;
  info: Record<string, unknown>;
  paths: Record<string, Record<string, { responses: Record<string, DocumentedResponse> }>>;
  components: { schemas: Record<string, { examples?: object[] }>; headers?: Record<string, Header> };
}

/** docs/openapi.json. */
export const documented = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as OpenApiDocument;

/** What is said of a route's answers with this status. */
export function documentedResponse(route: Route, status: number): DocumentedResponse | undefined {
  const [method, path] = route.split(' ') as [string, string];
  return documented.paths[path]?.[method.toLowerCase()]?.responses[status];
}

/** Of the message and its way, of which an OpenAPI document says nothing. */
const OF_THE_MESSAGE = /^(cache-control|connection|content-.*|date|keep-alive|transfer-encoding)$/;

/** Checks that an answer has the headers that are documented for it, and no others. */
export function expectDocumentedHeaders(route: Route, status: number, sent: Iterable<string>): void {
  const names = Object.entries(documentedResponse(route, status)?.headers ?? {}).map(([name, { $ref }]) => ({
    name: name.toLowerCase(),
    required: documented.components.headers?.[$ref.split('/').at(-1)!]?.required ?? false,
  }));
  const told = [...sent].filter((name) => !OF_THE_MESSAGE.test(name)).toSorted();
  const expected = names.filter(({ name, required }) => required || told.includes(name)).map(({ name }) => name);
  expect({ route, status, headers: told }).toEqual({ route, status, headers: expected.toSorted() });
}
