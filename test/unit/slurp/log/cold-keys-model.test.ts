import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { StoreSnapshot, StoreWrite } from '../../../../protocols/interface/index.ts';
import { ColdKeys } from '../../../../protocols/slurp/log/cold-keys.ts';
import { KeyFilter } from '../../../../protocols/slurp/machine/key-filter.ts';
import { COLD_MARK, stateKey, stateValue } from '../../../../protocols/slurp/machine/stored.ts';
import { forgetState } from '../../../../protocols/slurp/snapshot/install.ts';
import { drInput, encodeContent, submissionId } from '../../../../protocols/submission/index.ts';
import { batchOf, type Change, crypto, founder, Machine, settle } from '../mesh-world.ts';
import { SnapNode, Wires } from '../snapshot/snapshot-world.ts';

// Goal: what the state answers of a cold table is what stands in the store, whatever happened to
// the store before: runs, restarts, lost writes, replays, other states in its place.

const SUBMISSIONS = 24;
const addressOf = (n: number) => `ucxl://any:architect@shop:checkout/#/decisions/${n % 5}`;
const dr = (n: number): Uint8Array => {
  const input = { kind: 'dr', address: addressOf(n), title: `No ${n}` };
  return new Uint8Array(encodeContent(drInput.parse(input)));
};
const idOf = (n: number): string => submissionId(crypto.sha256, { peer: founder.peer }, dr(n));
const commit = (n: number): Change => ({ kind: 'submission.commit', body: { content: dr(n) } });
/** Is taken back: of a run it leaves nothing. */
const REFUSED: Change = { kind: 'submission.commit', body: { content: new Uint8Array([0xa0]) } };

const asked = Array.from({ length: SUBMISSIONS }, (_, n) => [
  ['submission', idOf(n)] as const,
  ['addressed', addressOf(n)] as const,
]).flat();

/** Keys of which the state says another thing than the store. */
function wrong({ meshLog, store }: Machine): string[] {
  const differing = asked.filter(([table, key]) => {
    const bytes = store.getSync('state', stateKey.format(table, key));
    const stored = bytes === undefined ? undefined : stateValue.decode(bytes);
    return !isDeepStrictEqual(meshLog.state.get(table, key), stored);
  });
  return differing.map(([table, key]) => `${table}/${key}`);
}

/** All rows of the state, with the mark that belongs to them. */
async function stateRows({ store }: Machine): Promise<StoreWrite[]> {
  const rows: StoreWrite[] = [];
  for (const namespace of ['state', 'meta'] as const) {
    for await (const [key, value] of store.entries(namespace)) rows.push({ namespace, key, value });
  }
  return rows;
}

type Step =
  | { readonly take: readonly number[] }
  | { readonly restart: number }
  | 'settle'
  | 'replay'
  | 'keep'
  | 'rewind';

/** A machine to which things happen, and that is looked at after each. */
class Life {
  readonly machine: Machine;
  readonly wrong: string[] = [];
  #seq = 2;
  #kept: readonly StoreWrite[] | undefined;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  async do(step: Step): Promise<void> {
    const { machine } = this;
    if (step === 'settle') await settle();
    else if (step === 'keep') this.#kept = await stateRows(machine);
    else if (step === 'replay') await this.#replace(() => forgetState(machine.store));
    else if (step === 'rewind') await this.#rewind();
    else if ('restart' in step) {
      await machine.restart({ log: 'kept', storeBatches: step.restart });
    } else await this.#take(step.take);
    this.#look();
  }

  async #take(numbers: readonly number[]): Promise<void> {
    const changes = numbers.map((n) => (n < 0 ? REFUSED : commit(n)));
    const end = this.machine.meshLog.onApplied(() => this.#look());
    await this.machine.take([batchOf(founder, { seq: this.#seq++ }, changes)]);
    end();
  }

  /** Puts an earlier state in the place of this one, as a snapshot is put. */
  async #rewind(): Promise<void> {
    const rows = this.#kept;
    if (rows === undefined) return;
    const { store } = this.machine;
    await this.#replace(async () => {
      await forgetState(store);
      await store.batch(rows);
    });
  }

  async #replace(task: () => Promise<void>): Promise<void> {
    await this.machine.run(this.machine.meshLog.replace(task));
  }

  #look(): void {
    this.wrong.push(...wrong(this.machine));
  }
}

const steps = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({
      take: fc.array(fc.integer({ min: -2, max: SUBMISSIONS - 1 }), { minLength: 1, maxLength: 4 }),
    }),
    fc.record({ restart: fc.integer({ min: 0, max: 12 }) }),
    fc.constantFrom('settle', 'settle', 'replay', 'keep', 'rewind'),
  ),
  { minLength: 1, maxLength: 14 },
);

afterEach(() => void vi.restoreAllMocks());

describe('the state, of cold tables', () => {
  it('says what stands in the store, whatever happens', async () => {
    let known = 0;
    const property = fc.asyncProperty(steps, async (all) => {
      const life = new Life(await Machine.open());
      const { store } = life.machine;
      for (const step of all) await life.do(step);
      await settle();
      await life.do({ take: [SUBMISSIONS - 1] });
      expect(life.wrong).toEqual([]);
      // And it knows: what is not there is not looked for.
      const { getSync } = store;
      const looked = vi.fn();
      store.getSync = (...args) => {
        looked();
        return getSync.apply(store, args);
      };
      for (let i = 0; i < 20; i++) life.machine.meshLog.state.get('submission', `no such ${i}`);
      expect(looked).not.toHaveBeenCalled();
      known++;
    });
    await fc.assert(property, { numRuns: 150 });
    expect(known).toBe(150);
  }, 60_000);

  const story: readonly Step[] = [
    { take: [1, 2, 3] },
    'keep',
    { take: [4, -1, 5] },
    { restart: 100 },
    'settle',
    { take: [6] },
    'rewind',
    'settle',
    { take: [7] },
  ];

  it('is found out when a key is forgotten that is put', async () => {
    const life = new Life(await Machine.open());
    const { add } = KeyFilter.prototype;
    vi.spyOn(KeyFilter.prototype, 'add').mockImplementation(function (this: KeyFilter, ...named) {
      if (named[1] !== idOf(6)) add.apply(this, named);
    });
    for (const step of story) await life.do(step);
    expect(new Set(life.wrong)).toEqual(new Set([`submission/${idOf(6)}`]));
  });

  it('is found out when a row is not read', async () => {
    const life = new Life(await Machine.open());
    const { store } = life.machine;
    const left = stateKey.format('addressed', addressOf(2));
    const snapshot = store.snapshot.bind(store);
    store.snapshot = (): StoreSnapshot => {
      const moment = snapshot();
      const { pages } = moment;
      moment.pages = async function* (...args) {
        for await (const page of pages.apply(moment, args)) {
          const rest = page.filter(([key]) => key !== left);
          if (rest.length > 0) yield rest;
        }
      };
      return moment;
    };
    for (const step of story) await life.do(step);
    expect(new Set(life.wrong)).toEqual(new Set([`addressed/${addressOf(2)}`]));
  });

  /** What the state says of a row that comes with another state, while that comes. */
  async function askedMeanwhile(machine: Machine): Promise<unknown> {
    let value: unknown;
    const row = { versions: 1, id: idOf(1) };
    await machine.run(
      machine.meshLog.replace(async () => {
        const key = stateKey.format('addressed', 'another');
        await machine.store.batch([{ namespace: 'state', key, value: stateValue.encode(row) }]);
        value = machine.meshLog.state.get('addressed', 'another');
      }),
    );
    return value;
  }

  it('knows nothing while another takes its place', async () => {
    const machine = await Machine.open();
    expect(await askedMeanwhile(machine)).toEqual({ versions: 1, id: idOf(1) });
    await settle();
    expect(machine.meshLog.state.get('addressed', 'another')).toBeDefined();
  });

  it('is found out when the keys of the one before are kept', async () => {
    const machine = await Machine.open();
    vi.spyOn(ColdKeys.prototype, 'forget').mockImplementation(() => undefined);
    expect(await askedMeanwhile(machine)).toBeUndefined();
  });

  it('is that of a snapshot once it is installed', async () => {
    const wires = new Wires();
    const leader = await SnapNode.open('leader', wires);
    const take = (seq: number) =>
      leader.run(leader.machine.take([batchOf(founder, { seq }, [commit(seq)])]));
    for (let seq = 2; seq <= 16; seq++) await take(seq);
    await leader.rest(400);
    await leader.sign();
    await take(17);
    await leader.signLast();
    const node = await SnapNode.open('node', wires, { empty: true });
    node.sources = ['leader'];
    const { state } = node.meshLog;
    expect(state.get('submission', idOf(3))).toBeUndefined();
    await node.run(node.replica.pull());
    expect(node.meshLog.appliedIndex).toBe(17);
    expect(node.machine.log.firstIndex).toBe(17);
    await settle();
    for (let seq = 2; seq <= 17; seq++) expect(state.get('submission', idOf(seq))).toBeDefined();
    expect(wrong(node.machine)).toEqual([]);
    expect((await stateRows(node.machine)).some(({ key }) => key.startsWith(COLD_MARK))).toBe(true);
    await node.snapshots.stop();
    await leader.snapshots.stop();
  });
});
