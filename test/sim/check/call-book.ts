import { type AppliedEntry, isKnownKind } from '../../../protocols/slurp/index.ts';
import { Violation } from '../world/world.ts';

/** What the book knows of a call, from the commands alone. */
interface KnownCall {
  readonly lengthMs: number;
  readonly waits: boolean;
  dueMs: number;
  holder: { readonly by: string; readonly untilMs: number; readonly fence: number } | undefined;
  fence: number;
  isSettled: boolean;
}

type Decision = AppliedEntry['decisions'][number];

/** How long a claim counts: the book has its own word for it. */
const CLAIM_MS = 15 * 60_000;

/**
 * What must always hold of calls: one human has one, one answer counts, none at or past the
 * deadline, and nothing comes before its time.
 */
export class CallBook {
  readonly #calls = new Map<string, KnownCall>();
  #index = 0;
  /** Claims that were refused because another was first. */
  losers = 0;

  /** An entry was applied somewhere. Each counts once; nobody is first with an earlier one. */
  applied({ index, timeMs, decisions }: AppliedEntry): void {
    if (index <= this.#index) return;
    this.#index = index;
    for (const decision of decisions) {
      const { kind } = decision.command;
      if (!kind.startsWith('call.') || !isKnownKind(kind)) continue;
      if (decision.outcome.ok) this.#happened(decision, timeMs);
      else if (decision.outcome.code === 'ERR_HELP_CLAIMED') this.losers++;
    }
  }

  #happened({ command }: Decision, timeMs: number): void {
    const { kind, body, actor } = command;
    if (kind === 'call.open') {
      this.#open(command, timeMs);
      return;
    }
    const call = this.#calls.get(String(body['id']));
    if (call === undefined) throw new Violation('calls-are-opened', `${kind} of no call`);
    if (call.isSettled) throw new Violation('settled-is-final', `${kind} of a settled call`);
    const isDue = !call.waits && timeMs >= call.dueMs;
    const by = `${actor.human} at ${actor.peer}`;
    const { holder } = call;
    const isHeld = holder !== undefined && timeMs < holder.untilMs;
    if (kind === 'call.claim') {
      if (isHeld) throw new Violation('one-winner-a-claim', `${holder.by} and ${by}`);
      if (isDue) throw new Violation('deadlines-hold', `a claim ${timeMs - call.dueMs} ms late`);
      call.fence++;
      call.holder = { by, untilMs: timeMs + CLAIM_MS, fence: call.fence };
    } else if (kind === 'call.release') {
      if (isHeld && holder.by !== by) throw new Violation('one-winner-a-claim', `${by} released`);
      call.holder = undefined;
    } else if (kind === 'call.answer') {
      if (isDue) throw new Violation('deadlines-hold', `an answer ${timeMs - call.dueMs} ms late`);
      if (!isHeld || holder.by !== by || holder.fence !== body['fence']) {
        throw new Violation('one-winner-a-claim', `${by} answered, ${holder?.by} had the call`);
      }
      call.isSettled = true;
    } else this.#timeOrAsker(kind, call, { isDue, timeMs });
  }

  #timeOrAsker(
    kind: string,
    call: KnownCall,
    { isDue, timeMs }: { readonly isDue: boolean; readonly timeMs: number },
  ): void {
    if (kind !== 'call.withdraw' && !isDue) throw new Violation('deadlines-hold', `${kind} early`);
    if (kind === 'call.escalate') call.dueMs = timeMs + call.lengthMs;
    else call.isSettled = true;
  }

  #open({ id, body }: Decision['command'], timeMs: number): void {
    const { afterMs } = body['deadline'] as { afterMs: number };
    this.#calls.set(id, {
      ...{ lengthMs: afterMs, waits: body['onTimeout'] === 'wait', dueMs: timeMs + afterMs },
      ...{ holder: undefined, fence: 0, isSettled: false },
    });
  }
}
