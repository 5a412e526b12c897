import { setImmediate } from 'node:timers/promises';
import type { StoreWrite } from '../../../../protocols/interface/index.ts';
import { Machine, rootOf } from '../mesh-world.ts';
import { recoverOn } from '../recovery/recovery-world.ts';
import { batchesWith, headBy, some } from './voters.ts';

// Three vote from entry 5 on; the third one is what is left of them.
export const three = some(1, 2, 3);
export const [, , left] = three as [never, never, (typeof three)[number]];
const changes = new Map([
  [3, some(1, 2)],
  [5, three],
]);
const batches = batchesWith(changes, 40);

/** A node that has applied the log up to there. */
export async function applied(index: number): Promise<Machine> {
  const machine = await Machine.open();
  await machine.take(batches.slice(0, index - 1));
  return machine;
}

/** The machine that goes on at that index, and what the operator signed. */
export async function recovered(index: number, epoch = 1) {
  const machine = await applied(index);
  const link = await recoverOn(machine, left, { epoch, term: 6 + epoch });
  return { machine, link };
}

/** The head of all that a machine has, by those before the recovery. */
export const oldHead = async (machine: Machine) => {
  const records = await machine.records();
  return headBy(three, { index: records.length, root: rootOf(records), by: three });
};
/** The same by the one that is left. */
export const newHead = async (machine: Machine, epoch = 1) => {
  const records = await machine.records();
  const root = rootOf(records);
  return headBy([left], { index: records.length, root, by: [left], epoch, term: 9 });
};

/** Holds the first such write, on the disk already or not yet: whoever wrote waits. */
export function held({ store }: Machine, isIt: (write: StoreWrite) => boolean, isOnDisk = true) {
  const batch = store.batch.bind(store);
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  store.batch = async (writes, options) => {
    if (!writes.some(isIt)) return await batch(writes, options);
    store.batch = batch;
    if (isOnDisk) await batch(writes, options);
    reach();
    await released;
    if (!isOnDisk) await batch(writes, options);
  };
  return { reached, release };
}

/** Lets go on what does not wait for what is held. */
export async function rest(): Promise<void> {
  for (let i = 0; i < 50; i++) await setImmediate();
}

/** What a disk has in a namespace, by rising key. */
export const keysOf = async (
  { store }: Machine,
  namespace: 'chain' | 'head',
): Promise<string[]> => {
  const keys: string[] = [];
  for await (const [key] of store.entries(namespace)) keys.push(key);
  return keys;
};
