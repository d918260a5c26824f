import { createHmac, timingSafeEqual } from 'node:crypto';

/** Deliveries older or newer than this are replays, or come from a clock that is off. */
const TOLERANCE_SECONDS = 300;

export type DeliveryVerdict = 'authentic' | 'forged' | 'stale';

export interface SignedDelivery {
  /** X-MLflow-Delivery-Id */
  id: string;
  /** X-MLflow-Timestamp, Unix seconds */
  timestamp: string;
  /** X-MLflow-Signature, `v1,<base64>` */
  signature: string;
  body: Uint8Array;
}

/**
 * Checks a delivery's signature: base64(HMAC-SHA256(secret, "{id}.{timestamp}.{raw body}")), and then its age.
 * https://mlflow.org/docs/latest/ml/webhooks/#signature-verification
 */
export function verifyDelivery(delivery: SignedDelivery, secret: string, nowMs: number): DeliveryVerdict {
  const { id, timestamp, signature, body } = delivery;
  const expected = createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body).digest();
  const [scheme, encoded = ''] = signature.split(',', 2);
  const given = Buffer.from(encoded, 'base64');
  if (scheme !== 'v1' || given.length !== expected.length || !timingSafeEqual(given, expected)) return 'forged';
  const ageSeconds = Math.abs(nowMs / 1000 - Number(timestamp));
  return ageSeconds <= TOLERANCE_SECONDS ? 'authentic' : 'stale';
}
