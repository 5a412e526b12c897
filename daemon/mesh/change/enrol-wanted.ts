import { type Logger, toError } from '../../../protocols/interface/index.ts';
import type { Host } from '../../host.ts';
import type { NodeLife } from '../node-life.ts';

/**
 * Enrols what is wanted on this host; what is granted already costs nothing. Nobody waits for it.
 *
 * @param member - the node, or undefined while it is no member
 */
export function enrolWanted(
  { host, logger }: { readonly host: Host; readonly logger: Logger },
  member: () => NodeLife | undefined,
): void {
  const enrol = async (): Promise<void> => {
    const agents = await host.toEnrol();
    if (agents.length === 0) return;
    await member()?.parts.enrolment.publisher.enrol(agents, { revive: false });
  };
  enrol().catch((error: unknown) => {
    logger.warn({ err: toError(error) }, 'the agents of this host wait');
  });
}
