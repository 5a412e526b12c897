import {
  type Service,
  type ServiceScope,
  serviceOf,
  systemServicePorts,
} from '../../../bootstrap/service/index.ts';
import { CooeeError } from '../../../protocols/interface/index.ts';
import type { CliContext } from '../context.ts';

/** Options of every command about the service. */
export interface ServiceFlags {
  readonly user?: boolean;
}

/** The service of a scope on this machine. */
export function serviceHere(context: CliContext, scope: ServiceScope): Service {
  return serviceOf(systemServicePorts(context.host), scope);
}

/** The service that is meant: your own after `--user`, or when only that one is installed. */
export async function pickService(context: CliContext, flags: ServiceFlags): Promise<Service> {
  const own = serviceHere(context, 'user');
  if (flags.user === true) return own;
  const system = serviceHere(context, 'system');
  if (await system.isInstalled()) return system;
  return (await own.isInstalled()) ? own : system;
}

/**
 * The service that is meant, installed.
 *
 * @throws CooeeError ERR_BOOTSTRAP_SERVICE_MISSING when it is not
 */
export async function pickInstalled(context: CliContext, flags: ServiceFlags): Promise<Service> {
  const service = await pickService(context, flags);
  if (await service.isInstalled()) return service;
  const details = { file: service.file };
  throw new CooeeError('ERR_BOOTSTRAP_SERVICE_MISSING', undefined, { details });
}

/** How a command about this service is typed. */
export function serviceCommand(context: CliContext, service: Service, word: string): string {
  const flag = service.scope === 'user' ? ' --user' : '';
  return `${context.command} service ${word}${flag}`;
}
