import type { CliContext } from '../context.ts';
import { pickInstalled, type ServiceFlags } from './pick.ts';
import { serviceLines, serviceView } from './view.ts';

/**
 * `cooee service status`: exit 0 while the manager runs it, 1 while it does not, 3 without one.
 */
export async function runServiceStatus(context: CliContext, flags: ServiceFlags): Promise<number> {
  const service = await pickInstalled(context, flags);
  const view = await serviceView(service);
  context.answer(view, () => serviceLines(view));
  return view.running ? 0 : 1;
}
