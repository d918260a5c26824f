import { Global, Module } from '@nestjs/common';
import { AccessLog } from './http/access-log.js';
import { ClientAddress } from './http/client-address.js';
import { Shutdown } from './shutdown/shutdown.js';

@Global()
@Module({ providers: [AccessLog, ClientAddress, Shutdown], exports: [AccessLog, ClientAddress, Shutdown] })
export class CommonModule {}
