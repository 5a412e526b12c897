import {
  type ApplyContext,
  type AuthorRecord,
  type CallRecord,
  type Outcome,
  revise,
  type StateEvent,
  type StateWriter,
} from '../interface/index.ts';
import { callAddress } from '../ucxl/index.ts';
import { isActive, openRow } from './rules.ts';

/** What happens to a call; with `call:` before it, the event and the cause of the version. */
type Verb = 'answer' | 'claim' | 'escalate' | 'expire' | 'open' | 'release' | 'withdraw';

/** The value of every committed command about a call. */
export interface CallValue {
  readonly id: string;
  /** What the call is from then on. */
  readonly call: CallRecord;
}

/** A call as it is from this entry on, and why. */
export interface CallChange {
  readonly verb: Verb;
  readonly call: CallRecord;
  /** Facts for watchers besides those of every event. */
  readonly facts?: StateEvent['data'];
}

/** Puts a call, its row among the open ones and its new version, and tells of it. */
export function changeCall(
  state: StateWriter,
  { verb, call, facts }: CallChange,
  { index, timeMs }: ApplyContext,
): Outcome {
  const { id, severity, escalations } = call;
  const cause = `call:${verb}`;
  const address = callAddress(id);
  state.put('call', id, call);
  if (isActive(call)) state.put('openCall', id, openRow(call));
  else {
    state.delete('openCall', id);
    countOpen(state, call.asker, -1);
  }
  const version = revise(state, address, { index, timeMs, cause }, call);
  const data = { id, state: call.state, severity, escalations, version, ...facts };
  const value: CallValue = { id, call };
  return { ok: true, value, events: [{ type: cause, address, data }] };
}

/** Counts the calls of a node, and of the agent on it, that are not settled. */
export function countOpen(state: StateWriter, asker: AuthorRecord, by: 1 | -1): void {
  for (const key of askerKeys(asker)) {
    const count = (state.get('openCalls', key) ?? 0) + by;
    if (count > 0) state.put('openCalls', key, count);
    else state.delete('openCalls', key);
  }
}

/** Keys of the table `openCalls`: the node, and the agent when it is one. */
export function askerKeys({ peer, agent }: AuthorRecord): readonly string[] {
  return agent === undefined ? [peer] : [peer, `${peer} ${agent}`];
}
