import { type NumberVersionRecord, revisionAt, type StateReader } from '../../interface/index.ts';
import { agentAddress, enrolmentAddress, enrolRecordOf } from '../../ucxl/index.ts';
import type { RecordKind, VersionedRecord } from '../record.ts';
import { lost, revisedRecord } from './revised.ts';

/** The register of agents: an agent by number and slot, or all agents of a number. */
export const agentKind: RecordKind = {
  find: (state, address) => {
    const named = enrolRecordOf(address);
    if (named?.kind === 'agent') return agentOf(state, named.number, named.slot);
    return named?.kind === 'number' ? listOf(state, named.number) : undefined;
  },
};

/** Enrolments by the tiny hash of their first tuple: what stands there is what was granted. */
export const enrolmentKind: RecordKind = {
  find: (state, address) => {
    const named = enrolRecordOf(address);
    return named?.kind === 'enrolment' ? enrolmentOf(state, named.tinyHash) : undefined;
  },
};

/** The agent with that token; undefined when none was granted it. */
export function recordOfToken(state: StateReader, token: string): VersionedRecord | undefined {
  const agent = state.get('agent', token);
  return agent && agentOf(state, agent.number, agent.gpuSlot);
}

function agentOf(state: StateReader, number: number, slot: number): VersionedRecord | undefined {
  return revisedRecord(state, agentAddress(number, slot));
}

/** A version of the list names the version of each agent; here they are put in their places. */
function listOf(state: StateReader, number: number): VersionedRecord | undefined {
  const list = revisedRecord(state, agentAddress(number));
  if (list === undefined) return undefined;
  const agentsAt = ({ slots }: NumberVersionRecord): readonly unknown[] =>
    Object.entries(slots)
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([slot, version]) => {
        const address = agentAddress(number, Number(slot));
        const revision = revisionAt(state, address, version);
        if (revision === undefined) throw lost(address, version);
        return revision.value;
      });
  return {
    ...list,
    at: (n) => {
      const version = list.at(n);
      return { ...version, value: { agents: agentsAt(version.value as NumberVersionRecord) } };
    },
  };
}

/**
 * The agent with that tiny hash. A tiny hash has 48 bits, so two agents may share one: then both
 * are shown, as they are now.
 */
function enrolmentOf(state: StateReader, tinyHash: string): VersionedRecord | undefined {
  const records = (state.get('tiny', tinyHash) ?? []).flatMap(
    (token) => recordOfToken(state, token) ?? [],
  );
  const [only] = records;
  if (only === undefined || records.length === 1) return only;
  const address = enrolmentAddress(tinyHash);
  return {
    address,
    versions: 1,
    at: () => {
      const latest = records.map((record) => record.at(record.versions));
      const last = latest.reduce((a, b) => (b.index > a.index ? b : a));
      return { ...last, version: 1, value: { agents: latest.map(({ value }) => value) } };
    },
  };
}
