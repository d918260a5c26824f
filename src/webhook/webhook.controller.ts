import { Body, Controller, Headers, HttpCode, HttpStatus, NotFoundException, Post } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBody, ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { InjectMetric } from '@willsoto/nestjs-prometheus';
import type { Counter } from 'prom-client';
import { DomainError } from '../common/errors/domain-error.js';
import type { RouteSettings } from '../common/http/route-settings.js';
import { startAtZero } from '../common/metrics/start-at-zero.js';
import type { Env } from '../config/env.schema.js';
import { SourceWatcher } from '../model-registry/reload/source-watcher.js';
import { ApiProblems } from '../openapi/api-problems.decorator.js';
import { RecentIds } from './recent-ids.js';
import { verifyDelivery } from './mlflow-signature.js';

/**
 * MLflow's webhook. A delivery says that something moved, and that is all it is used for: what the alias means is
 * asked of the registry. So a lost delivery costs a poll interval, and a repeated one nothing.
 */
@ApiTags('registry')
@Controller('webhooks')
export class WebhookController {
  private readonly secret: string | undefined;
  private readonly seen = new RecentIds();

  constructor(
    private readonly watcher: SourceWatcher,
    @InjectMetric('webhook_deliveries_total') private readonly deliveries: Counter,
    config: ConfigService<Env, true>,
  ) {
    this.secret = config.get('MLFLOW_WEBHOOK_SECRET', { infer: true });
    startAtZero(deliveries, 'result', ['accepted', 'duplicate', 'forged', 'stale']);
  }

  @Post('mlflow')
  @HttpCode(HttpStatus.ACCEPTED)
  @RouteConfig({ rawBody: true } satisfies RouteSettings)
  @ApiOperation({
    operationId: 'mlflowWebhook',
    summary: 'Makes the next look at the alias immediate; 404 without MLFLOW_WEBHOOK_SECRET',
  })
  @ApiHeader({ name: 'X-MLflow-Delivery-Id', required: true })
  @ApiHeader({ name: 'X-MLflow-Timestamp', required: true, description: 'Unix seconds, at most 300 s off.' })
  @ApiHeader({ name: 'X-MLflow-Signature', required: true, description: '`v1,` and the HMAC-SHA256 in base64.' })
  @ApiBody({
    schema: { type: 'object' },
    description: "MLflow's event. What it says is not used: the registry is asked.",
  })
  @ApiResponse({ status: 202, description: 'Taken; the registry is being asked.' })
  @ApiProblems('ROUTE_NOT_FOUND', 'WEBHOOK_NOT_AUTHENTIC', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE')
  receive(
    @Body() body: Buffer | undefined,
    @Headers('x-mlflow-delivery-id') id = '',
    @Headers('x-mlflow-timestamp') timestamp = '',
    @Headers('x-mlflow-signature') signature = '',
  ): void {
    if (this.secret === undefined) throw new NotFoundException();
    const delivery = { id, timestamp, signature, body: body ?? Buffer.alloc(0) };
    const verdict = verifyDelivery(delivery, this.secret, Date.now());
    if (verdict !== 'authentic') {
      this.deliveries.inc({ result: verdict });
      throw new DomainError('WEBHOOK_NOT_AUTHENTIC', {
        detail: 'The signature does not fit the delivery, or its timestamp is more than 300 s off. Check the secret.',
      });
    }
    if (!this.seen.add(id)) {
      this.deliveries.inc({ result: 'duplicate' });
      return;
    }
    this.deliveries.inc({ result: 'accepted' });
    this.watcher.nudge('webhook');
  }
}
