import type { CliContext } from '../context.ts';
import { pickService, type ServiceFlags } from './pick.ts';

/** `cooee service remove`: stops the daemon and removes the description; the home stays. */
export async function runServiceRemove(context: CliContext, flags: ServiceFlags): Promise<number> {
  const service = await pickService(context, flags);
  const home = await service.home();
  await service.remove();
  const { file, scope } = service;
  context.answer({ removed: true, scope, file, home: home ?? null }, () => {
    const kept = home === undefined ? 'The home stays.' : `The home stays: ${home}`;
    return `removed ${file}\n${kept}\n`;
  });
  return 0;
}
