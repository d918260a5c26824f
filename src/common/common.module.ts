import { Global, Module } from '@nestjs/common';
import { AccessLog } from './http/access-log.js';
import { ClientAddress } from './http/client-address.js';
import { Listeners } from './http/listeners.js';
import { Shutdown } from './shutdown/shutdown.js';

@Global()
@Module({
  providers: [AccessLog, ClientAddress, Listeners, Shutdown],
  exports: [AccessLog, ClientAddress, Listeners, Shutdown],
})
export class CommonModule {}
