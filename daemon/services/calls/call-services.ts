import { activeOr, type CallValue, openBody } from '../../../protocols/help/index.ts';
import {
  type Actor,
  type CallRecord,
  type ClaimRecord,
  type Clock,
  CooeeError,
  LIMITS,
} from '../../../protocols/interface/index.ts';
import type { Command, CommandBody } from '../../../protocols/slurp/index.ts';
import { callAddress } from '../../../protocols/ucxl/index.ts';
import type { BodyOf, CallRow, CallsView, CallView, ResponseOf } from '../../api/routes/index.ts';
import type { Caller, CallsQuery, WriteWait } from '../../api/services.ts';
import type { Daemon } from '../../daemon.ts';
import type { NodeLife } from '../../mesh/node-life.ts';
import type { RefusedCall } from '../../mesh/seen/index.ts';
import type { WriteResult } from '../../mesh/writer.ts';
import { skewMsOf } from '../liveness.ts';
import { timeoutOf } from '../mesh-services.ts';
import { listCalls, timeText, viewOf } from './call-list.ts';

/** Clocks of a mesh may differ by so much, and the log's time from each of them. */
const AHEAD_MS_MIN = 2_000;

/** How far a change of a call has come. */
type WriteView = ResponseOf<'releaseCall'>;

/** What {@link CallServices} asks to be done, by whom. */
type CallCommand = 'call.answer' | 'call.claim' | 'call.release' | 'call.withdraw';

/** A call in the outbox, as lists and as readers see it. */
interface Waiting {
  readonly row: CallRow;
  readonly view: CallView;
}

/** The services about calls for human help. */
export class CallServices {
  readonly #daemon: Daemon;
  readonly #clock: Clock;
  /** What a command in the outbox asks; null when it is no call. */
  readonly #waiting = new WeakMap<Command, Waiting | null>();

  constructor(daemon: Daemon, clock: Clock) {
    this.#daemon = daemon;
    this.#clock = clock;
  }

  /** Resolves once it is accepted, or as far as it came within the wait. */
  async open(input: BodyOf<'openCall'>, wait: WriteWait, caller: Caller): Promise<WriteView> {
    const { writer } = this.#daemon.memberNode.parts;
    const { deadline: _, afterMs: __, ...call } = input;
    const body = { ...call, deadline: this.#deadline(input) };
    const actor = actorOf(caller);
    const result = await writer.write('call.open', body, { actor, timeoutMs: timeoutOf(wait) });
    return writeView(result.id, result);
  }

  list(query: CallsQuery): CallsView {
    const { state } = this.#settledParts();
    return listCalls({ state, waiting: () => this.#waitingRows() }, query);
  }

  /** @throws CooeeError ERR_HELP_UNKNOWN */
  get(id: string): CallView {
    const { state, outbox, seen } = this.#settledParts();
    const call = state.get('call', id);
    if (call !== undefined) return viewOf(call);
    for (const command of outbox.undecided()) {
      const waiting = command.id === id ? this.#waitingOf(command) : null;
      if (waiting !== null) return waiting.view;
    }
    const refused = seen.calls.get(id);
    const view = refused === undefined ? undefined : this.#refusedView(refused);
    if (view === undefined) throw new CooeeError('ERR_HELP_UNKNOWN');
    return view;
  }

  async claim(
    id: string,
    { by }: BodyOf<'claimCall'>,
    wait: WriteWait,
  ): Promise<ResponseOf<'claimCall'>> {
    const result = await this.#write('call.claim', { id }, { actor: { human: by }, wait });
    const claim = result.state === 'committed' ? (result.value as CallValue).call.claim : undefined;
    const claimed =
      claim === undefined ? {} : { fence: claim.fence, claimedUntil: timeText(claim.untilMs) };
    return { ...writeView(id, result), ...claimed };
  }

  async release(
    id: string,
    { fence, by }: BodyOf<'releaseCall'>,
    wait: WriteWait,
  ): Promise<WriteView> {
    const actor = { human: by ?? this.#holder(id) };
    return writeView(id, await this.#write('call.release', { id, fence }, { actor, wait }));
  }

  async answer(
    id: string,
    { fence, text, by }: BodyOf<'answerCall'>,
    wait: WriteWait,
  ): Promise<WriteView> {
    const actor = { human: by ?? this.#holder(id) };
    return writeView(id, await this.#write('call.answer', { id, fence, text }, { actor, wait }));
  }

  /** @throws CooeeError ERR_HELP_NOT_ASKER on the agents' socket for all but the asking agent */
  async withdraw(id: string, wait: WriteWait, caller: Caller): Promise<WriteView> {
    if (caller.rights === 'agent' && caller.agent === undefined) {
      throw new CooeeError('ERR_HELP_NOT_ASKER', 'only the agent that asked withdraws its call');
    }
    const actor = actorOf(caller);
    return writeView(id, await this.#write('call.withdraw', { id }, { actor, wait }));
  }

  #write<K extends CallCommand>(
    kind: K,
    body: CommandBody<K>,
    { actor, wait }: { readonly actor: Omit<Actor, 'peer'>; readonly wait: WriteWait },
  ): Promise<WriteResult> {
    const { writer } = this.#daemon.memberNode.parts;
    // What is known to be no call is told at once, whether or not somebody waits for the log.
    const { state } = this.get((body as { readonly id: string }).id);
    if (state === 'refused') throw new CooeeError('ERR_HELP_UNKNOWN', 'the call was refused');
    return writer.write(kind, body, { actor, timeoutMs: timeoutOf(wait) });
  }

  /** The human of this node who holds the call. */
  #holder(id: string): string {
    const claim = this.#claimOf(id);
    if (claim === undefined) throw new CooeeError('ERR_HELP_UNCLAIMED');
    const { human, peer } = claim.by;
    if (peer === this.#daemon.components.signer.peer) return human;
    throw new CooeeError('ERR_HELP_CLAIMED', `the call is held by ${human}`, {
      details: { by: human, peer, fence: claim.fence, untilMs: claim.untilMs },
    });
  }

  /** @throws CooeeError ERR_HELP_* saying what became of a call that is settled */
  #claimOf(id: string): ClaimRecord | undefined {
    const found = activeOr(this.#settledParts().state, id);
    if ('call' in found) return found.call.claim;
    const { code, message, details } = found.refused;
    throw new CooeeError(code, message, details === undefined ? {} : { details });
  }

  /** @throws CooeeError ERR_HELP_DEADLINE_RANGE by this node's clock; the log judges again */
  #deadline(input: BodyOf<'openCall'>): CommandBody<'call.open'>['deadline'] {
    if (input.deadline === undefined) {
      return { afterMs: input.afterMs ?? LIMITS.callLengthMsDefault };
    }
    const atMs = Date.parse(input.deadline);
    const lengthMs = atMs - this.#clock.nowMs();
    if (lengthMs > 0 && lengthMs <= LIMITS.callLengthMsMax) {
      return { atMs: atMs + this.#logAheadMs() };
    }
    throw new CooeeError('ERR_HELP_DEADLINE_RANGE', undefined, { details: { lengthMs } });
  }

  /**
   * How far the log's time is ahead of the members' clocks, since those were set back: by it, a
   * deadline that is still to come would have passed. 0 while they go together.
   */
  #logAheadMs(): number {
    const { parts } = this.#daemon.memberNode;
    const meshNowMs = this.#clock.nowMs() - (skewMsOf(parts) ?? 0);
    // By what time has passed, not by this host's clock: that may have been set since.
    const aheadMs = Math.round((parts.calls.logTimeLeastMs ?? meshNowMs) - meshNowMs);
    return aheadMs > AHEAD_MS_MIN ? aheadMs : 0;
  }

  /** What this node accepted and the log does not have, then what was refused; newest first. */
  #waitingRows(): readonly CallRow[] {
    const { outbox, seen } = this.#settledParts();
    const rows: CallRow[] = [];
    for (const command of outbox.undecided()) {
      const waiting = this.#waitingOf(command);
      if (waiting !== null) rows.push(waiting.row);
    }
    const refused = seen.calls.list().flatMap((it) => {
      const waiting = this.#waitingOf(it.command);
      return waiting === null ? [] : [{ ...waiting.row, ...refusalOf(it) }];
    });
    return [...rows.reverse(), ...refused];
  }

  #refusedView(refused: RefusedCall): CallView | undefined {
    const waiting = this.#waitingOf(refused.command);
    return waiting === null ? undefined : { ...waiting.view, ...refusalOf(refused) };
  }

  #waitingOf(command: Command): Waiting | null {
    const known = this.#waiting.get(command);
    if (known !== undefined) return known;
    const waiting = readWaiting(command);
    this.#waiting.set(command, waiting);
    return waiting;
  }

  /** Calls lie in the store: while another state is put there, none can be read. */
  #settledParts(): NodeLife['parts'] {
    const { parts } = this.#daemon.soundNode;
    parts.snapshots.assertSound();
    return parts;
  }
}

function refusalOf({ code, message, index, atMs }: RefusedCall) {
  const refusal = { code, message, at: timeText(atMs) };
  const known = index === undefined ? refusal : { ...refusal, index };
  return { state: 'refused' as const, refusal: known };
}

function actorOf({ agent }: Caller): Omit<Actor, 'peer'> {
  return agent === undefined ? {} : { agent };
}

function writeView(id: string, result: WriteResult): WriteView {
  const known = { id, address: callAddress(id) };
  return result.state === 'committed'
    ? { ...known, state: 'committed', index: result.index }
    : { ...known, state: 'accepted' };
}

/** A call in the outbox; null for another command, or of another version of this program. */
function readWaiting({ id, kind, body, actor, timeMs }: Command): Waiting | null {
  if (kind !== 'call.open') return null;
  const parsed = openBody.safeParse(body);
  if (!parsed.success) return null;
  const { deadline, ...call } = parsed.data;
  const { peer, agent } = actor;
  const deadlineMs = 'atMs' in deadline ? deadline.atMs : timeMs + deadline.afterMs;
  const record: Omit<CallRecord, 'default' | 'state'> = {
    ...call,
    ...{ id, number: 0, asker: agent === undefined ? { peer } : { peer, agent } },
    ...{ index: 0, timeMs, deadlineMs, lengthMs: 0, escalations: 0, fence: 0 },
  };
  const { index: _, default: __, context, ...seen } = viewOf({ ...record, state: 'open' });
  const row: CallRow = { ...seen, state: 'accepted' };
  const fallback = call.default === undefined ? {} : { default: call.default };
  return { row, view: { ...row, context, ...fallback } };
}
