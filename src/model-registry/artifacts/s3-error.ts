import { z } from 'zod';
import { RegistryError } from '../registry-error.js';
import { connectionError, type ServerName } from '../transport/connection-error.js';

/** How the AWS SDK tells that there was a reply: by its status. */
const replySchema = z.object({
  name: z.string().regex(/^\w+$/).catch('Error'),
  $metadata: z.object({ httpStatusCode: z.int() }),
});

/** What an error of the AWS SDK means. The store's own words are left out: they may quote keys. */
export function s3Error(server: ServerName, wanted: string, cause: unknown): RegistryError {
  if ((cause as Error).name === 'CredentialsProviderError') {
    return new RegistryError('unauthorized', 'No AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.', {
      cause,
    });
  }
  const reply = replySchema.safeParse(cause);
  if (!reply.success) return connectionError(server, cause);
  const { name, $metadata } = reply.data;
  const status = $metadata.httpStatusCode;
  const answer = `${server.label} answers ${status} ${name} when asked for ${wanted}`;
  if (status === 401 || status === 403) {
    return new RegistryError(
      'unauthorized',
      `${answer}: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, what they may read, and the clocks.`,
      { cause },
    );
  }
  if (status === 404) return new RegistryError('not-found', `${answer}: was it deleted?`, { cause });
  if (status === 429 || status >= 500) {
    return new RegistryError('server-error', `${answer}: see the log of the store.`, { cause });
  }
  return new RegistryError('invalid-reply', `${answer}: check ${server.addressVariable}.`, { cause });
}
