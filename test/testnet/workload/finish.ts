import { setTimeout as sleep } from 'node:timers/promises';
import { isCooeeError } from '../../../protocols/interface/index.ts';
import * as calls from './actions/calls.ts';
import type { Acting } from './actions/client.ts';
import * as entries from './actions/entries.ts';
import { readLists } from './final.ts';

const AGAIN_MS = 200;
const LANES = 8;

/**
 * The end of a history: what was accepted, or is unknown, is brought to an end, and each node says
 * what it has.
 *
 * @param actings - one client for each node
 * @throws Error that says what could not be done until then
 */
export async function finish(actings: readonly Acting[], deadlineMs: number): Promise<void> {
  await Promise.all(actings.map((acting) => bringToAnEnd(acting, deadlineMs)));
  await becomeLevel(actings, deadlineMs);
  for (const acting of actings) {
    await until(`${acting.link.node.name} is read`, deadlineMs, () => readLists(acting));
  }
}

/** Hands in again what is not known to be committed, and settles the calls that the node asked. */
async function bringToAnEnd(acting: Acting, deadlineMs: number): Promise<void> {
  const { board, link } = acting;
  const { name } = link.node;
  const pending = board.entries.filter((entry) => entry.node === name && !entry.isCommitted);
  await inLanes(pending, (entry) =>
    until(`${entry.key} is committed`, deadlineMs, async () => {
      await (entry.kind === 'agent' ? entries.enrol(acting, entry) : entries.submit(acting, entry));
      return entry.isCommitted;
    }),
  );
  const unsettled = [...board.calls.values()].filter((call) => call.node === name);
  await inLanes(unsettled, (call) =>
    until(`call ${call.id} is settled`, deadlineMs, () => calls.withdraw(acting, call)),
  );
}

/** Does it with each of them, a few at a time. */
async function inLanes<T>(items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const lane = async (): Promise<void> => {
    for (const item of rest) await task(item);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** Waits until each node has applied what any of them had. */
async function becomeLevel(actings: readonly Acting[], deadlineMs: number): Promise<void> {
  const applied = async ({ link }: Acting): Promise<number> =>
    (await link.client.call('getStatus', {})).slurp.appliedIndex;
  let highest = 0;
  for (const acting of actings) {
    await until(`${acting.link.node.name} says how far it is`, deadlineMs, async () => {
      highest = Math.max(highest, await applied(acting));
      return true;
    });
  }
  for (const acting of actings) {
    const what = `${acting.link.node.name} has applied ${highest}`;
    await until(what, deadlineMs, async () => (await applied(acting)) >= highest);
  }
}

/** Tries until it is true. */
async function until(
  what: string,
  deadlineMs: number,
  step: () => Promise<boolean>,
): Promise<void> {
  let cause: unknown;
  for (;;) {
    const done = await step().catch((error: unknown) => {
      if (!isCooeeError(error)) throw error;
      cause = error;
      return false;
    });
    if (done) return;
    if (performance.now() > deadlineMs) throw new Error(`not in time: ${what}`, { cause });
    await sleep(AGAIN_MS);
  }
}
