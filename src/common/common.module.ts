import { Global, Module } from '@nestjs/common';
import { AccessLog } from './http/access-log.js';
import { Shutdown } from './shutdown/shutdown.js';

@Global()
@Module({ providers: [AccessLog, Shutdown], exports: [AccessLog, Shutdown] })
export class CommonModule {}
