import { setTimeout as sleep } from 'node:timers/promises';
import * as calls from './actions/calls.ts';
import type { Acting } from './actions/client.ts';
import * as entries from './actions/entries.ts';
import type { BoardCall } from './board.ts';

/** While nobody holds the socket. */
const AWAY_MS = 100;

/** One client: does one thing after the other until it is told to stop. */
export async function live(acting: Acting, pauseMs: number, signal: AbortSignal): Promise<void> {
  const { link, random } = acting;
  const rest = (ms: number): Promise<unknown> =>
    sleep(ms, undefined, { signal }).catch(() => undefined);
  while (!signal.aborted) {
    if (link.isUp) await act(acting);
    await rest(link.isUp ? random.exponential(pauseMs) : AWAY_MS);
  }
}

/** Does one thing, by chance. */
export async function act(acting: Acting): Promise<void> {
  const { board, link, random } = acting;
  const over = board.over(link.node.name);
  if (over !== undefined && random.chance(0.5)) {
    await calls.withdraw(acting, over);
    return;
  }
  if (board.wantsCall && random.chance(0.5)) return await calls.openCall(acting);
  const chance = random.fraction();
  if (chance < 0.5) await race(acting);
  else if (chance < 0.7) await entries.submitNew(acting, random.chance(0.5));
  else if (chance < 0.78) await handInAgain(acting);
  else if (chance < 0.82) await enrolSome(acting);
  else await readEntry(acting);
}

/** Does something about a call that others race for, too. */
async function race(acting: Acting): Promise<void> {
  const { board, holds, random } = acting;
  const { live } = board;
  if (live.length === 0) return await calls.openCall(acting);
  const held = live.filter(({ id }) => holds.has(id));
  if (board.settled.length > 0 && random.chance(0.1)) {
    return await disturb(acting, random.pick(board.settled));
  }
  const call = held.length > 0 && random.chance(0.6) ? random.pick(held) : random.pick(live);
  call.usesLeft -= 1;
  await touch(acting, call);
}

async function touch(acting: Acting, call: BoardCall): Promise<void> {
  const chance = acting.random.fraction();
  if (chance < 0.2) await calls.readCall(acting, call, false);
  else if (chance < 0.35) await calls.readCall(acting, call, true);
  else if (chance < 0.45) await press(acting, call);
  else await actOn(acting, call);
}

/** What is settled stays so, whoever presses. */
async function disturb(acting: Acting, call: BoardCall): Promise<void> {
  const chance = acting.random.fraction();
  if (chance < 0.5) await press(acting, call);
  else if (chance < 0.7) await calls.claim(acting, call);
  else await calls.readCall(acting, call, chance < 0.85);
}

/** What a human who goes by the rules does. */
async function actOn(acting: Acting, call: BoardCall): Promise<void> {
  const fence = acting.holds.get(call.id);
  if (fence === undefined) await calls.claim(acting, call);
  else if (acting.random.chance(0.7)) await calls.release(acting, call, fence);
  else await calls.answer(acting, call, fence);
}

/** With a fence that may be another's, or none's. */
async function press(acting: Acting, call: BoardCall): Promise<void> {
  const fence = Math.max(1, call.fence + acting.random.integer(-1, 1));
  if (acting.random.chance(0.5)) await calls.release(acting, call, fence);
  else await calls.answer(acting, call, fence);
}

async function handInAgain(acting: Acting): Promise<void> {
  const entry = acting.board.pending(acting.link.node.name);
  if (entry === undefined) await entries.submitNew(acting, true);
  else if (entry.kind === 'agent') await entries.enrol(acting, entry);
  else await entries.submit(acting, entry);
}

async function enrolSome(acting: Acting): Promise<void> {
  const { board, enrolmentsMax } = acting;
  if (board.count('agent') < enrolmentsMax) await entries.enrolNew(acting);
  else await readEntry(acting);
}

async function readEntry(acting: Acting): Promise<void> {
  const { board, random } = acting;
  const isPlain = random.chance(0.3);
  const entry = board.known(random.chance(0.75) ? 'submission' : 'agent', random);
  if (entry === undefined) return await entries.submitNew(acting, true);
  if (entry.kind === 'agent') return await entries.readAgent(acting, entry, isPlain);
  const by = random.chance(0.5) ? 'id' : 'address';
  await entries.readSubmission(acting, entry, { isPlain, by });
}
