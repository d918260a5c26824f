import { z } from 'zod';

export const SCHEMAS_PATH = '#/components/schemas/';

/** A reference to a schema that has an id (`.meta({ id })`): all of those become components of the document. */
export function schemaReference(schema: z.ZodType): { $ref: string } {
  const id = z.globalRegistry.get(schema)?.id;
  if (id === undefined) throw new Error('A schema in the OpenAPI document needs .meta({ id })');
  return { $ref: SCHEMAS_PATH + id };
}
