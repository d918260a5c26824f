import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { problemSchema } from '../common/errors/problem.js';
import { schemaReference } from './schema-reference.js';

describe('schemaReference', () => {
  it('points to the component of that id', () => {
    expect(schemaReference(problemSchema)).toEqual({ $ref: '#/components/schemas/Problem' });
  });

  it('refuses a schema that is no component, since the reference would lead nowhere', () => {
    expect(() => schemaReference(z.string())).toThrow(/needs \.meta\(\{ id \}\)/);
  });
});
