import { type Proof, ProofMaker } from '../../../../protocols/slurp/index.ts';
import {
  batchesWith,
  headBy,
  linksOf,
  logWith,
  openBook,
  rotation,
  some,
} from '../heads/voters.ts';
import { crypto, Machine, rootOf } from '../mesh-world.ts';

export const changes = rotation(12, 20);
export const LENGTH = 1_100;
export const batches = batchesWith(changes, LENGTH);
export const records = logWith(changes, LENGTH);
export const links = linksOf(records, changes);

export const votersAt = (index: number) => {
  const at = [...changes.keys()].findLast((it) => it <= index);
  return at === undefined ? some(1) : (changes.get(at) ?? []);
};

export const headAt = (index: number) => {
  const by = votersAt(index);
  return headBy(by, { index, root: rootOf(records.slice(0, index)), by });
};

/** A member with that log, all links, and a head of all of it. */
export async function prover(length = LENGTH) {
  const machine = await Machine.open();
  const maker = async () => {
    const book = await openBook(machine);
    await book.learn(links);
    if (machine.meshLog.appliedIndex > 1) await book.accept(headAt(machine.meshLog.appliedIndex));
    const parts = { ...machine, meshLog: machine.meshLog, trust: book, crypto };
    const made = new ProofMaker(parts);
    await made.open();
    return made;
  };
  await machine.take(batches.slice(0, length - 1));
  return { machine, maker, proofs: await maker() };
}

/** As it comes out of a file. */
export const viaFile = (proof: Proof): unknown => JSON.parse(JSON.stringify(proof));
