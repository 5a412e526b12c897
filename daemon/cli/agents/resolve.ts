import type { CliContext } from '../context.ts';
import { formatAgent, formatAgents } from './columns.ts';

/** `cooee resolve WHAT`: a token, hash, tiny hash, `#NUMBER` or address. */
export async function runResolve(context: CliContext, what: string): Promise<number> {
  const number = /^#(\d+)$/u.exec(what)?.[1];
  const ref = number === undefined ? what : `number:${number}`;
  const client = await context.client();
  const found = await client.call('getAgent', { params: { ref } });
  context.answer(found, () =>
    'agents' in found ? formatAgents(context, found.agents) : formatAgent(context, found),
  );
  return 0;
}
