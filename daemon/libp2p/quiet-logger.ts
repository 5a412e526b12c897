import type { ComponentLogger, Logger } from '@libp2p/interface';

const quiet: Logger = Object.assign(() => undefined, {
  error: () => undefined,
  trace: () => undefined,
  enabled: false,
  newScope: () => quiet,
});

/**
 * libp2p's own log goes nowhere, whatever DEBUG says: it holds text from peers, and printing its
 * error objects has cost 80 MB at once. What an operator needs to know the door counts and logs
 * itself.
 */
export const quietLogger: ComponentLogger = { forComponent: () => quiet };
