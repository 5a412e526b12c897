import { sanitizeLine, toSafeJson } from '../../../../protocols/interface/text/sanitize.ts';
import type { CallRow } from '../../../api/routes/index.ts';
import { type CliContext, writePaced } from '../../context.ts';
import { askerOf, byOf, timeLeft } from '../format.ts';
import { type CallNews, followCalls } from './feed.ts';

/**
 * `cooee calls --watch --plain` and `--json`: a line for every call that is open or claimed, then
 * one for every change. Runs until it is interrupted.
 */
export async function runLines(context: CliContext): Promise<number> {
  const client = await context.client();
  const lines = new CallLines();
  for await (const news of followCalls(context.host, client)) {
    for (const call of lines.take(news)) {
      const line = context.json ? toSafeJson(call) : textLine(call, context.host.nowMs());
      await writePaced(context.host.stdout, `${line}\n`);
    }
  }
  return 0;
}

/** Which calls a line is written for: those that are not as they were when they had their last. */
export class CallLines {
  readonly #told = new Map<string, string>();

  take(news: CallNews): readonly CallRow[] {
    const calls = news.type === 'one' ? [news.call] : [...news.calls].reverse();
    if (news.type === 'all') this.#forgetOthers(calls);
    return calls.filter((call) => this.#isNew(call));
  }

  #isNew(call: CallRow): boolean {
    const { id, state, severity, fence, deadline } = call;
    const text = JSON.stringify([state, severity, fence, deadline]);
    if (this.#told.get(id) === text) return false;
    const isOver = state !== 'open' && state !== 'claimed';
    if (isOver) this.#told.delete(id);
    else this.#told.set(id, text);
    return true;
  }

  #forgetOthers(calls: readonly CallRow[]): void {
    const ids = new Set(calls.map(({ id }) => id));
    for (const id of this.#told.keys()) {
      if (!ids.has(id)) this.#told.delete(id);
    }
  }
}

/** A call in one line, to be read aloud: what it is before what it says, the id last. */
export function textLine(call: CallRow, nowMs: number): string {
  const by = byOf(call);
  const left = timeLeft(call, nowMs);
  const parts = [
    by === undefined ? call.state : `${call.state} by ${by}`,
    call.severity,
    left === '' || left === 'overdue' ? left : `${left} left`,
    `${askerOf(call)} asks: ${call.question}`,
    call.answer === undefined ? '' : `answer: ${call.answer}`,
    `id ${call.id}`,
  ];
  return parts
    .map(sanitizeLine)
    .filter((part) => part !== '')
    .join('; ');
}
