import { CallTimers } from '../../protocols/help/index.ts';
import type { NodeComponents, NodeParts } from '../node.ts';

/** What the timers of calls work with. */
type Ground = Pick<NodeParts, 'consensus' | 'floods' | 'meshLog' | 'state' | 'writer'>;

/**
 * Deadlines of calls, and claims that lapse: proposed by this node while it leads. Who opens too
 * many is named.
 */
export function buildCalls(
  { clock, logger }: NodeComponents,
  { consensus, floods, meshLog, state, writer }: Ground,
): CallTimers {
  meshLog.onApplied(({ batch, decisions }) => {
    for (const { command, outcome } of decisions) {
      if (outcome.ok || outcome.code !== 'ERR_HELP_TOO_MANY') continue;
      const { agent } = command.actor;
      if (agent === undefined) floods.report(batch.origin, 'by way of open calls');
      else floods.reportAgent(agent, 'open calls');
    }
  });
  return new CallTimers({
    state,
    clock,
    logger: logger.child('cooee:help'),
    isLeader: () => consensus.isLeader,
    decide: ({ kind, body }) => writer.decide(kind, body),
  });
}
