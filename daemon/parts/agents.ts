import { CapabilityService } from '../../protocols/capability/index.ts';
import { createEnrolment } from '../../protocols/enrolment/index.ts';
import { CallTimers } from '../../protocols/help/index.ts';
import type { NodeComponents, NodeInit, NodeParts } from '../node.ts';
import { createTicketSigner, Sessions } from '../sessions/index.ts';

/** The parts of a node that agents, and the people whom they call, have to do with. */
type AgentParts = Pick<NodeParts, 'enrolment' | 'capability' | 'calls' | 'sessions'>;

/** The parts that those work with. */
type Ground = Pick<
  NodeParts,
  | 'consensus'
  | 'floods'
  | 'gossip'
  | 'liveness'
  | 'meshLog'
  | 'state'
  | 'streams'
  | 'view'
  | 'writer'
>;

/**
 * Ids for agents, what they can do, whom they call, and who may act as one.
 *
 * @throws CooeeError ERR_STORAGE_*, ERR_WIRE_*
 */
export async function buildAgents(
  components: NodeComponents,
  init: NodeInit,
  ground: Ground,
): Promise<AgentParts> {
  const { consensus, gossip, streams, view, writer } = ground;
  const common = { ...components, ...ground, meshId: init.meshId, self: components.signer.peer };
  let claimSeq = 0;
  const enrolment = createEnrolment({
    ...common,
    bootSeq: { boot: init.boot.boot, next: () => ++claimSeq },
    isLeader: () => consensus.isLeader,
    propose: (kind, body) => writer.decide(kind, body),
  });
  const capability = new CapabilityService(
    {
      ...common,
      requester: streams,
      responder: streams,
      peersFirst: view.connected,
      sign: (body) => gossip.sign('capability', body),
    },
    { beatMs: init.beatMs, leaseMs: init.leaseMs },
  );
  const calls = buildCalls(components, ground);
  const sessions = await buildSessions(components, init, ground);
  return { enrolment, capability, calls, sessions };
}

/**
 * Deadlines of calls, and claims that lapse: proposed by this node while it leads. Who opens too
 * many is named.
 */
function buildCalls(
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

/** Who may act as which agent of this host. @throws CooeeError ERR_STORAGE_*, ERR_WIRE_* */
async function buildSessions(
  components: NodeComponents,
  { meshId }: NodeInit,
  { meshLog, state }: Ground,
): Promise<Sessions> {
  const { store, clock, random, crypto } = components;
  const signer = createTicketSigner(components.privateKey);
  const logger = components.logger.child('cooee:sessions');
  const sessions = new Sessions(
    { store, state, clock, random, crypto, signer, logger },
    { peer: components.signer.peer, meshId },
  );
  await sessions.open();
  meshLog.addHook((entry) => sessions.writesFor(entry));
  meshLog.onApplied((entry) => sessions.onApplied(entry));
  meshLog.onReplaced(() => sessions.onReplaced());
  return sessions;
}
