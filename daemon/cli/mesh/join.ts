import { CooeeError } from '../../../protocols/interface/index.ts';
import type { CliContext } from '../context.ts';
import { checkInviteShape, readInvite } from '../input/invite-source.ts';
import { isRunning } from '../node/down.ts';
import { runUp, type UpFlags } from '../node/up.ts';
import { withProgress } from '../progress.ts';

/**
 * `cooee join`: through the daemon when one runs, else as one in the foreground, like `up --join`.
 */
export async function runJoin(
  context: CliContext,
  argument: string | undefined,
  flags: UpFlags,
): Promise<number> {
  const { env, stdin, stderr } = context.host;
  const invite = await readInvite({ argument, env: env['COOEE_INVITE'], stdin });
  if (invite === undefined) {
    throw new CooeeError('ERR_API_USAGE', 'an invite is missing', {
      remedy: 'Get one on a host of the mesh with cooee invite, then: cooee join INVITE',
    });
  }
  checkInviteShape(invite);
  const client = await context.client();
  if (!(await isRunning(client))) {
    return runUp(context, { ...flags, join: invite, joinOrFail: true });
  }
  const unused = Object.keys(flags).filter((name) => name !== 'mdns' || flags.mdns === false);
  if (unused.length > 0) {
    context.remark(
      'cooee: the daemon of this home runs already: its options are those of its up\n',
    );
  }
  const joined = await withProgress(stderr, 'joining the mesh', () =>
    client.call('joinMesh', { body: { invite } }),
  );
  context.answer(joined, () => `joined mesh ${joined.mesh} as ${joined.peer}\n`);
  context.remark(`cooee: hint: next: ${context.command} status\n`);
  return 0;
}
