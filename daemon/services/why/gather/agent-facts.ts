import type { AgentRecord, Clock } from '../../../../protocols/interface/index.ts';
import type { NodeLife } from '../../../mesh/node-life.ts';
import type { AgentFacts } from '../agent.ts';
import { explainPeer } from '../peer.ts';
import { deedAt } from './deed-at.ts';
import { peerFacts } from './peer-facts.ts';
import { nameIn } from './way-facts.ts';

const HASH = /^[0-9a-f]{64}$/;

/** What this node knows of an agent, granted or not. @throws CooeeError ERR_STORAGE_* */
export async function agentFacts(node: NodeLife, ref: string, clock: Clock): Promise<AgentFacts> {
  const { state, capability, enrolment, view, meshLog } = node.parts;
  const token = HASH.test(ref) ? state.get('hash', ref) : ref;
  const record = token === undefined ? undefined : state.get('agent', token);
  const standings = record === undefined ? enrolment.publisher.standings() : [];
  return {
    ref,
    nowMs: clock.nowMs(),
    record,
    retirement: await retirementOf(node, record),
    status: record === undefined ? undefined : capability.get(record.token)?.status,
    node: record === undefined ? undefined : await nodeOf(node, record, clock),
    lease: record === undefined ? undefined : capability.lease(record.peer),
    enrolments: HASH.test(ref) ? standings.filter(({ hash }) => hash === ref) : standings,
    isLed: view.leaderNow() !== undefined,
    appliedIndex: meshLog.appliedIndex,
  };
}

async function retirementOf(node: NodeLife, record: AgentRecord | undefined) {
  const index = record?.retiredIndex ?? null;
  return index === null ? undefined : await deedAt(node, index, { kind: 'agent.retire' });
}

async function nodeOf(node: NodeLife, { peer }: AgentRecord, clock: Clock) {
  const facts = await peerFacts(node, peer, clock);
  const { verdict, text, because } = explainPeer(facts);
  return { name: nameIn(node, peer), isSelf: peer === node.self, verdict, text, because };
}
