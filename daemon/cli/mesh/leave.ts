import type { CliContext } from '../context.ts';
import { withProgress } from '../progress.ts';

/** `cooee leave`: says goodbye to the mesh and sets it aside in the home. */
export async function runLeave(context: CliContext): Promise<number> {
  const client = await context.client();
  const left = await withProgress(context.host.stderr, 'leaving the mesh', () =>
    client.call('leaveMesh'),
  );
  context.answer(left, () => `left mesh ${left.mesh}\n`);
  return 0;
}
