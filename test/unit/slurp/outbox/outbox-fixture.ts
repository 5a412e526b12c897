import { decodeBatch, Outbox } from '../../../../protocols/slurp/index.ts';
import { crypto, founder, Machine, MESH } from '../mesh-world.ts';

export async function newOutbox(machine: Machine, number = 1, lastSeq = 1): Promise<Outbox> {
  const outbox = new Outbox(
    { ...machine, signer: founder, crypto },
    { meshId: MESH, boot: number, lastSeq },
  );
  await outbox.open(machine.meshLog.state);
  return outbox;
}

export function join(machine: Machine, outbox: Outbox): void {
  machine.meshLog.addHook((entry) => outbox.writesFor(entry));
  machine.meshLog.onApplied((entry) => outbox.onApplied(entry));
}

export async function start() {
  const machine = await Machine.open();
  const outbox = await newOutbox(machine);
  join(machine, outbox);
  return { machine, outbox };
}

export const stored = async (machine: Machine): Promise<string[]> => {
  const keys: string[] = [];
  for await (const [key] of machine.store.entries('outbox')) keys.push(key);
  return keys;
};
export const name = (text: string) => ({ name: text });
export const commandsOf = (bytes: Uint8Array | undefined) =>
  decodeBatch(bytes ?? new Uint8Array()).value.commands;
