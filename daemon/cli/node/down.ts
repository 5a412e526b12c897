import { CooeeError, isCooeeError } from '../../../protocols/interface/index.ts';
import type { CliContext } from '../context.ts';
import { withProgress } from '../progress.ts';
import type { CliClient } from '../socket-client.ts';

/** A clean stop takes up to 2 s; a leader that hands over, or a slow disk, somewhat longer. */
const STOP_TIMEOUT_MS = 15_000;
const POLL_MS = 50;

/** `cooee down`: stops the daemon and returns when its process has ended. */
export async function runDown(context: CliContext): Promise<number> {
  const client = await context.client();
  const holds = await holderOf(context, client);
  const stopping = await client.call('stopDaemon');
  const runs = async (): Promise<boolean> => (await isRunning(client)) || (await holds());
  await withProgress(context.host.stderr, 'stopping', () => untilGone(context, runs));
  context.answer(stopping, () => 'stopped\n');
  return 0;
}

/** What tells whether its process runs: its socket closes before that ends. */
async function holderOf(context: CliContext, client: CliClient): Promise<() => Promise<boolean>> {
  try {
    // With --socket it may be another home than that of this call.
    const { node } = await client.call('getStatus');
    return await context.host.watchHolder(node.home);
  } catch (error) {
    if (!isCooeeError(error)) throw error;
    // It starts, or cannot show itself. With --socket that alone has to tell.
    if (context.socketFlag !== undefined) return async () => false;
    return await context.host.watchHolder(context.home);
  }
}

async function untilGone(context: CliContext, runs: () => Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < STOP_TIMEOUT_MS; waitedMs += POLL_MS) {
    if (!(await runs())) return;
    await context.host.delay(POLL_MS);
  }
  throw new CooeeError('ERR_API_TIMEOUT', 'the daemon has not stopped yet', {
    remedy: 'It was told to; see its log for what it waits for.',
  });
}

/** Whether a daemon listens on the socket, whatever it answers. */
export async function isRunning(client: CliClient): Promise<boolean> {
  try {
    await client.call('getStatus');
    return true;
  } catch (error) {
    // Any other refusal was given by a daemon.
    return !isCooeeError(error, 'ERR_API_DAEMON_NOT_RUNNING');
  }
}
