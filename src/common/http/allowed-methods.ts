import type { FastifyInstance, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyInstance {
    /** The methods each route template takes. */
    methodsByTemplate: Map<string, Set<string>>;
  }
}

/** Collects the routes as they are registered, so it must be called before the first. */
export function collectRoutes(fastify: FastifyInstance): void {
  const methodsByTemplate = new Map<string, Set<string>>();
  fastify.decorate('methodsByTemplate', methodsByTemplate);
  fastify.addHook('onRoute', (route) => {
    const methods = methodsByTemplate.get(route.url) ?? new Set();
    for (const method of [route.method].flat()) methods.add(method);
    methodsByTemplate.set(route.url, methods);
  });
}

/** The methods that the request's path would have taken: none means that the path itself is unknown. */
export function allowedMethods(request: FastifyRequest): string[] {
  const path = request.url.split('?', 1)[0] ?? '';
  const allowed = new Set<string>();
  for (const [template, methods] of request.server.methodsByTemplate) {
    if (matches(template, path)) methods.forEach((method) => allowed.add(method));
  }
  return [...allowed].toSorted();
}

function matches(template: string, path: string): boolean {
  const expected = template.split('/');
  const given = path.split('/');
  return (
    expected.length === given.length && expected.every((part, i) => part === given[i] || (part[0] === ':' && given[i]))
  );
}
