/** What of an answer the smoke test looks at. */
export interface Prediction {
  id: string;
  prediction: number;
  probability: number;
  model: { name: string; version: string; alias: string | null; digest: string };
  /** Who answered, where a load balancer says so. */
  replica?: string;
}

export interface Meta {
  service: { commit: string };
  model: { name: string; version: string; alias: string | null };
}

/**
 * @param token for /admin and /predictions
 * @throws Error when the answer is not 200
 */
export async function get(url: string, token?: string): Promise<Response> {
  return succeeded(await fetch(url, token ? { headers: { Authorization: `Bearer ${token}` } } : {}));
}

export async function getJson<T>(url: string, token?: string): Promise<T> {
  return (await get(url, token)).json() as Promise<T>;
}

/** The request of the README's first example. */
export async function predict(service: string): Promise<Prediction> {
  const response = await succeeded(
    await fetch(`${service}/predict`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"data":{"features":[0,0,0,0,0,0,0,0,0,0]}}',
    }),
  );
  const replica = response.headers.get('x-replica');
  return { ...((await response.json()) as Prediction), ...(replica && { replica }) };
}

async function succeeded(response: Response): Promise<Response> {
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`);
  return response;
}
