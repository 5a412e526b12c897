import type { CliContext } from '../context.ts';
import { parseInteger } from '../input/numbers.ts';
import { formatAgent } from './columns.ts';

/** Options of `cooee announce`. */
export interface AnnounceFlags {
  readonly status?: 'idle' | 'busy' | 'draining' | 'offline';
  readonly capability?: readonly string[];
  readonly load?: string;
  readonly maxTasks?: string;
  readonly tasks?: string;
}

const TASKS_MAX = 1_000_000;

/** `cooee announce TOKEN`: what is not given stays as it is. */
export async function runAnnounce(
  context: CliContext,
  token: string,
  flags: AnnounceFlags,
): Promise<number> {
  const number = (name: string, text: string | undefined, max: number): number | undefined =>
    text === undefined ? undefined : parseInteger(text, { name, min: 0, max });
  const body = {
    status: flags.status,
    capabilities: flags.capability === undefined ? undefined : [...flags.capability],
    load: number('--load', flags.load, 1_000),
    maxTasks: number('--max-tasks', flags.maxTasks, TASKS_MAX),
    tasks: number('--tasks', flags.tasks, TASKS_MAX),
  };
  const client = await context.client();
  const agent = await client.call('announceAgent', { params: { token }, body });
  context.answer(agent, () => formatAgent(context, agent));
  return 0;
}
