import { CooeeError, isCooeeError } from '../../../protocols/interface/index.ts';
import type { CliContext } from '../context.ts';
import { withProgress } from '../progress.ts';
import type { CliClient } from '../socket-client.ts';

/** A clean stop takes up to 2 s; a leader that hands over, or a slow disk, somewhat longer. */
const STOP_TIMEOUT_MS = 15_000;
const POLL_MS = 50;

/** `cooee down`: stops the daemon and returns when it has stopped. */
export async function runDown(context: CliContext): Promise<number> {
  const client = await context.client();
  const stopping = await client.call('stopDaemon');
  await withProgress(context.host.stderr, 'stopping', () => untilGone(context, client));
  context.answer(stopping, () => 'stopped\n');
  return 0;
}

async function untilGone(context: CliContext, client: CliClient): Promise<void> {
  for (let waitedMs = 0; waitedMs < STOP_TIMEOUT_MS; waitedMs += POLL_MS) {
    if (!(await isRunning(client))) return;
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
