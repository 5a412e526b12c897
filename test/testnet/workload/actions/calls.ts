import type { CallView } from '../../../../daemon/client/index.ts';
import { isCooeeError } from '../../../../protocols/interface/index.ts';
import type { BoardCall } from '../board.ts';
import type { Attempted } from '../recorder.ts';
import { type Acting, attempt, committed, fresh } from './client.ts';

/** What the log says when it refuses to change a call; and what a node says that knows none. */
const REFUSALS = new Set([
  'ERR_HELP_ANSWERED',
  'ERR_HELP_CLAIMED',
  'ERR_HELP_FENCE',
  'ERR_HELP_UNCLAIMED',
  'ERR_HELP_UNKNOWN',
  'ERR_HELP_WITHDRAWN',
]);

const SETTLED = new Set(['ERR_HELP_ANSWERED', 'ERR_HELP_WITHDRAWN']);

interface Written {
  readonly state: string;
  readonly index?: number | undefined;
  readonly fence?: number | undefined;
}

/** Opens a call that waits for as long as it takes. */
export async function openCall(acting: Acting): Promise<void> {
  const { board, link, name, tag } = acting;
  acting.made += 1;
  const question = `${tag} ${name} ${acting.made}`;
  const { answer } = await attempt(acting, {
    ...{ op: 'call.open', key: `not known: ${question}`, kind: 'write', input: { question } },
    task: () =>
      link.client.call('openCall', {
        query: committed(acting),
        body: { question, onTimeout: 'wait' },
      }),
    read: (answer) => ({ ...outcome(answer, { id: answer.id }), key: answer.id }),
  });
  if (answer !== undefined) board.addCall(answer.id, link.node.name);
}

/** Claims a call. */
export async function claim(acting: Acting, call: BoardCall): Promise<void> {
  const { holds, link, name: by } = acting;
  const params = { id: call.id };
  const { answer, error } = await attempt(acting, {
    ...{ op: 'call.claim', key: call.id, kind: 'write', input: { by }, refusals: REFUSALS },
    task: () => link.client.call('claimCall', { params, query: committed(acting), body: { by } }),
    read: (answer) => outcome(answer, { fence: answer.fence ?? null }),
  });
  if (answer?.fence !== undefined) {
    holds.set(call.id, answer.fence);
    call.fence = answer.fence;
  }
  const told = error?.details['fence'];
  if (typeof told === 'number') call.fence = told;
  noteSettled(acting, call, error?.code);
}

/** Gives a call back, or tries to. */
export async function release(acting: Acting, call: BoardCall, fence: number): Promise<void> {
  const { link, name: by } = acting;
  const params = { id: call.id };
  const { ok, error } = await attempt(acting, {
    ...{ op: 'call.release', key: call.id, kind: 'write', refusals: REFUSALS },
    input: { by, fence },
    task: () =>
      link.client.call('releaseCall', { params, query: committed(acting), body: { by, fence } }),
    read: (answer) => outcome(answer, {}),
  });
  if (ok !== null) acting.holds.delete(call.id);
  noteSettled(acting, call, error?.code);
}

/** Answers a call, or tries to. */
export async function answer(acting: Acting, call: BoardCall, fence: number): Promise<void> {
  const { board, link, name: by } = acting;
  acting.made += 1;
  const text = `${by} ${acting.made}`;
  const params = { id: call.id };
  const body = { by, fence, text };
  const { ok, error } = await attempt(acting, {
    ...{ op: 'call.answer', key: call.id, kind: 'write', input: body, refusals: REFUSALS },
    task: () => link.client.call('answerCall', { params, query: committed(acting), body }),
    read: (answer) => outcome(answer, {}),
  });
  if (ok !== null) acting.holds.delete(call.id);
  if (ok === true) board.settle(call);
  noteSettled(acting, call, error?.code);
}

/** Withdraws a call; its node has to be this one. True when it is settled now. */
export async function withdraw(acting: Acting, call: BoardCall): Promise<boolean> {
  const { board, link } = acting;
  const params = { id: call.id };
  const { ok, error } = await attempt(acting, {
    ...{ op: 'call.withdraw', key: call.id, kind: 'write', input: {}, refusals: REFUSALS },
    task: () => link.client.call('withdrawCall', { params, query: committed(acting) }),
    read: (answer) => outcome(answer, {}),
  });
  if (ok === true) board.settle(call);
  noteSettled(acting, call, error?.code);
  return !board.calls.has(call.id);
}

/** Reads a call, as it is in the mesh or, plainly, as this node knows it. */
export async function readCall(
  acting: Acting,
  call: Pick<BoardCall, 'id'>,
  isPlain: boolean,
): Promise<Attempted<CallView | undefined>> {
  const { board, holds, link, name } = acting;
  const op = isPlain ? 'call.read.plain' : 'call.read';
  const params = { id: call.id };
  const attempted = await attempt(acting, {
    ...{ op, key: call.id, kind: 'read', input: {} },
    task: () =>
      link.client.call('getCall', { params, query: fresh(isPlain) }).catch((error: unknown) => {
        if (isCooeeError(error, 'ERR_HELP_UNKNOWN')) return undefined;
        throw error;
      }),
    read: (view) => ({ ok: true, output: seen(view) }),
  });
  const view = attempted.answer;
  const live = board.calls.get(call.id);
  if (view === undefined || live === undefined) return attempted;
  live.fence = Math.max(live.fence, view.fence ?? 0);
  const isMine = view.state === 'claimed' && view.claimedBy?.human === name;
  // A claim of which this human had no answer.
  if (isMine && view.fence !== undefined) holds.set(call.id, view.fence);
  return attempted;
}

/** The call as the check looks at it: what waits in an outbox is not there yet. */
function seen(view: CallView | undefined) {
  if (view === undefined || view.state === 'accepted') {
    return { state: 'absent', fence: 0, by: null, text: null };
  }
  const { state, fence = 0 } = view;
  const by = (state === 'claimed' ? view.claimedBy : view.answeredBy)?.human ?? null;
  return { state, fence, by, text: view.answer ?? null };
}

/** What is only accepted takes effect later. */
function outcome(
  { state, index }: Written,
  told: Readonly<Record<string, unknown>>,
): { ok: true | null; output: unknown } {
  return state === 'committed'
    ? { ok: true, output: { ...told, index: index ?? null } }
    : { ok: null, output: { ...told, state: 'accepted' } };
}

function noteSettled({ board, holds }: Acting, call: BoardCall, code: string | undefined): void {
  if (code === undefined || !SETTLED.has(code)) return;
  board.settle(call);
  holds.delete(call.id);
}
