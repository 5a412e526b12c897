/**
 * The daemon of this host as a service: systemd on Linux, launchd on macOS.
 *
 * @packageDocumentation
 */
import { CooeeError } from '../../protocols/interface/index.ts';
import { LaunchdService } from './launchd.ts';
import { SystemdService } from './systemd.ts';
import type { Service, ServicePorts, ServiceScope } from './types.ts';

export { inviteFile } from './description.ts';
export { type Caller, systemServicePorts } from './system-ports.ts';
export type {
  CommandResult,
  Installed,
  LogsInit,
  Service,
  ServicePorts,
  ServiceScope,
  ServiceSpec,
  ServiceState,
  ShownCommand,
} from './types.ts';

/**
 * The service of a scope; nothing is asked or changed yet.
 *
 * @throws CooeeError ERR_BOOTSTRAP_SERVICE_UNSUPPORTED on neither Linux nor macOS
 */
export function serviceOf(ports: ServicePorts, scope: ServiceScope): Service {
  if (ports.platform === 'linux') return new SystemdService(ports, { scope });
  if (ports.platform === 'darwin') return new LaunchdService(ports, { scope });
  throw new CooeeError('ERR_BOOTSTRAP_SERVICE_UNSUPPORTED');
}
