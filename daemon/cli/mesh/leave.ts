import type { CliContext } from '../context.ts';
import { withProgress } from '../progress.ts';

/** `cooee leave`: says goodbye to the mesh and sets it aside in the home. */
export async function runLeave(context: CliContext): Promise<number> {
  const client = await context.client();
  const left = await withProgress(context.host.stderr, 'leaving the mesh', () =>
    client.call('leaveMesh'),
  );
  context.answer(left, () => `left mesh ${left.mesh}\n`);
  context.remark(
    `cooee: this node is alone in a new mesh; the one it left is in ${context.home}/old\n` +
      `cooee: hint: next: ${context.command} join INVITE, or ${context.command} invite\n`,
  );
  return 0;
}
