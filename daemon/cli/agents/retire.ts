import type { CliContext } from '../context.ts';
import { answerWrite, COMMITTED } from '../write.ts';

/** `cooee retire TOKEN` */
export async function runRetire(context: CliContext, token: string): Promise<number> {
  const client = await context.client();
  const write = await client.call('retireAgent', { params: { token }, query: COMMITTED });
  return answerWrite(context, write, `retired ${token}`);
}
