import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  DocumentBuilder,
  type OpenAPIObject,
  type OperationObject,
  type ParameterObject,
  type ResponseObject,
  SwaggerModule,
} from '@nestjs/swagger';
import { z } from 'zod';
import { SERVICE_VERSION } from '../meta/service-version.js';
import { headerReferences, RESPONSE_HEADERS } from './response-headers.js';
import { SCHEMAS_PATH, schemaReference } from './schema-reference.js';

/** GET /openapi.json, and GET /docs to read it and try it. */
export function serveOpenApi(app: NestFastifyApplication): void {
  SwaggerModule.setup('docs', app, () => openApiDocument(app), { jsonDocumentUrl: 'openapi.json', raw: ['json'] });
}

/** The OpenAPI 3.1 document: paths from the controllers, schemas from the zod schemas that validate. */
export function openApiDocument(app: NestFastifyApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Credit default scoring')
    .setDescription(
      'Probability of default from the live model. Every error is an RFC 9457 problem document; switch on its `code`.',
    )
    .setVersion(app.get<string>(SERVICE_VERSION))
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer('/')
    .addBearerAuth({
      type: 'http',
      scheme: 'bearer',
      description: 'ADMIN_TOKEN for /admin, AUDIT_TOKEN for /predictions.',
    })
    .addTag('prediction', 'Scores')
    .addTag('audit', 'What was answered: records, replays, outcomes, erasure')
    .addTag('admin', "What an operator may do to this instance's model")
    .addTag('registry', 'What the model registry tells this instance')
    .addTag('operations', 'Probes, metrics and facts about the instance')
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    autoTagControllers: false,
    standardSchemaConverter: (schema) => ({ schema: openApiSchema(schema as z.ZodType) }),
  });
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, ...componentSchemas() },
    headers: RESPONSE_HEADERS,
  };
  for (const response of responsesOf(document)) {
    response.headers = { ...headerReferences(['X-Request-Id']), ...response.headers };
  }
  for (const parameter of parametersOf(document)) {
    if (parameter.schema && 'deprecated' in parameter.schema) parameter.deprecated = true;
  }
  return document;
}

const operationsOf = ({ paths }: OpenAPIObject): OperationObject[] =>
  Object.values(paths).flatMap((path) => Object.values(path) as OperationObject[]);

const responsesOf = (document: OpenAPIObject): ResponseObject[] =>
  operationsOf(document).flatMap(({ responses }) => Object.values(responses) as ResponseObject[]);

const parametersOf = (document: OpenAPIObject): ParameterObject[] =>
  operationsOf(document).flatMap(({ parameters }) => (parameters ?? []) as ParameterObject[]);

/** A body is a component; the parameters of a path or query have no name, and are taken apart. */
function openApiSchema(schema: z.ZodType): object {
  if (z.globalRegistry.get(schema)?.id !== undefined) return schemaReference(schema);
  const { $schema: _dialect, ...parameters } = z.toJSONSchema(schema, { io: 'input' });
  return parameters;
}

function componentSchemas(): NonNullable<NonNullable<OpenAPIObject['components']>['schemas']> {
  const { schemas } = z.toJSONSchema(z.globalRegistry, { uri: (id) => SCHEMAS_PATH + id, io: 'input' });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _dialect, $id: _id, ...schema }]) => [id, schema]),
  ) as ReturnType<typeof componentSchemas>;
}
