import { describe, expect, it } from 'vitest';
import { CooeeError } from '../../../../protocols/interface/index.ts';
import { genesisOf, RecoveryExchange } from '../../../../protocols/slurp/index.ts';
import { recoveryAnswer, recoveryAsk } from '../../../../protocols/slurp/recovery/protocol.ts';
import { FIRST_EPOCH } from '../../../../protocols/slurp/recovery/recovery-rules.ts';
import { openBook, refused, some } from '../heads/voters.ts';
import { codeOf, Machine, MESH } from '../mesh-world.ts';
import { forger, GENESIS_BODY, recoveryAt } from './recovery-world.ts';

const REPORT = {
  ...{ epoch: FIRST_EPOCH, canVote: true, isLed: false, term: 4 },
  ...{ tail: { index: 20, term: 4 }, headIndex: 18, knownIndex: 19 },
};

/** Two members that speak to each other; each with a book, and maybe a genesis, of its own. */
async function pair(genesisOfA?: Uint8Array, genesisOfB = genesisOfA) {
  /** What is asked is lost on the way. */
  const isLost = { now: false };
  const handlers = new Map<string, (peer: string, body: Uint8Array) => Promise<Uint8Array>>();
  const make = async (self: string, other: string, genesis?: Uint8Array) => {
    const machine = await Machine.open();
    const trust = await openBook(machine);
    const exchange = new RecoveryExchange({
      ...{ meshId: MESH, trust, metrics: machine.metrics, logger: machine.logger },
      clock: machine.clock,
      report: () => REPORT,
      genesis: async () => genesis ?? (await genesisOf(machine.store)),
      connected: () => [other],
      requester: {
        request: async (peer, _protocol, body) => {
          const handler = handlers.get(peer);
          if (handler === undefined || isLost.now) throw new Error('nobody there');
          return await handler(self, body);
        },
      },
      responder: {
        handle: async (_protocol, handler) =>
          void handlers.set(self, (peer, body) =>
            handler(peer, body, new AbortController().signal),
          ),
        unhandle: async () => undefined,
      },
    });
    await exchange.start();
    return { machine, trust, exchange };
  };
  const a = await make('a', 'b', genesisOfA);
  return { a, b: await make('b', 'a', genesisOfB), isLost };
}

describe('recoveryAsk and recoveryAnswer', () => {
  it('come out as they went in', () => {
    const ask = { links: [Uint8Array.of(1), Uint8Array.of(2)], genesis: true };
    expect(recoveryAsk.decode(recoveryAsk.encode(ask))).toMatchObject(ask);
    const answer = { report: REPORT, links: [Uint8Array.of(3)], genesis: Uint8Array.of(4) };
    expect(recoveryAnswer.decode(recoveryAnswer.encode(answer))).toEqual(answer);
  });

  it.each([[Uint8Array.of(1)], [new Uint8Array(20_000)]])(
    'refuse what is neither',
    async (bytes) => {
      expect(await codeOf((async () => recoveryAsk.decode(bytes))())).toMatch(/^ERR_WIRE_/);
      expect(await codeOf((async () => recoveryAnswer.decode(bytes))())).toMatch(/^ERR_WIRE_/);
    },
  );
});

describe('members that meet', () => {
  it('say nothing of recoveries when there was none', async () => {
    const { a, b } = await pair(GENESIS_BODY);
    a.exchange.met('b');
    expect((await a.exchange.ask('b')).genesis).toBeUndefined();
    expect(b.trust.epochs.newest).toBeUndefined();
  });

  it('have the genesis of each other, also behind a snapshot, and hand it on', async () => {
    const { a, b } = await pair(undefined, GENESIS_BODY);
    a.exchange.met('b');
    await expect.poll(() => genesisOf(a.machine.store)).toEqual(GENESIS_BODY);
    expect((await a.exchange.ask('b')).genesis).toBeUndefined();
    // Whoever comes with an empty disk has it of this one, when nobody else is left.
    const bare = recoveryAt({ index: 20, voters: some(1) });
    await a.trust.recover(bare);
    expect((await b.exchange.ask('a')).links).toEqual([
      recoveryAt({ index: 20, voters: some(1), genesis: GENESIS_BODY }),
    ]);
    await a.machine.restart({ log: 'kept' });
    expect(await genesisOf(a.machine.store)).toEqual(GENESIS_BODY);
  });

  it('answer and ask also while the store of one fails', async () => {
    const { a, b } = await pair(undefined, GENESIS_BODY);
    const link = recoveryAt({ index: 20, voters: some(1) });
    await a.trust.recover(link);
    const fails = async () => {
      throw new CooeeError('ERR_STORAGE_NOT_OPEN');
    };
    const { get, batch } = a.machine.store;
    Object.assign(a.machine.store, { get: fails, batch: fails });
    expect((await a.exchange.ask('b')).report).toEqual(REPORT);
    expect(b.trust.epochs.newest?.id).toBe(a.trust.epochs.newest?.id);
    expect((await b.exchange.ask('a')).report).toEqual(REPORT);
    Object.assign(a.machine.store, { get, batch });
  });

  it('take nothing for the genesis that is not', async () => {
    const { a } = await pair(undefined, Uint8Array.of(1));
    expect((await a.exchange.ask('b')).genesis).toEqual(Uint8Array.of(1));
    expect(await genesisOf(a.machine.store)).toBeUndefined();
  });

  it('tell each other, whoever of them knows more', async () => {
    const { a, b } = await pair();
    const link = recoveryAt({ index: 20, voters: some(1) });
    await a.trust.recover(link);
    a.exchange.tellAll();
    await expect.poll(() => b.trust.epochs.newest?.bytes).toEqual(link);
    const later = recoveryAt({ index: 30, epoch: 2, voters: some(1) });
    await b.trust.recover(later);
    a.exchange.met('b');
    await expect.poll(() => a.trust.epochs.newest?.bytes).toEqual(later);
  });

  it('add the genesis for those who have no state, when it was signed without', async () => {
    const { a, b } = await pair(GENESIS_BODY);
    const bare = recoveryAt({ index: 20, voters: some(1) });
    const whole = recoveryAt({ index: 20, voters: some(1), genesis: GENESIS_BODY });
    await a.trust.recover(bare);
    a.exchange.met('b');
    await expect.poll(() => b.trust.epochs.newest?.bytes).toEqual(whole);
    // It is the same one, by which nobody can tell who had the genesis.
    expect(b.trust.epochs.newest?.id).toBe(a.trust.epochs.newest?.id);
    const { b: other } = await pair(new Uint8Array(4_000));
    await other.trust.recover(bare);
    other.exchange.met('a');
    expect((await other.exchange.ask('a')).links).toEqual([bare]);
  });

  it('show it again to one that did not answer, while that is connected', async () => {
    const { a, b, isLost } = await pair();
    const link = recoveryAt({ index: 20, voters: some(1) });
    isLost.now = true;
    await a.trust.recover(link);
    a.exchange.met('b');
    await a.machine.clock.advance(2_000);
    expect(b.trust.epochs.newest).toBeUndefined();
    isLost.now = false;
    await a.machine.clock.advance(4_000);
    await expect.poll(() => b.trust.epochs.newest?.bytes).toEqual(link);
  });

  it('show a rival on, so that both sides halt', async () => {
    const { a, b } = await pair();
    await a.trust.recover(recoveryAt({ index: 20, voters: some(1) }));
    await b.trust.recover(recoveryAt({ index: 20, voters: some(2) }));
    a.exchange.met('b');
    await expect.poll(() => a.trust.epochs.rival?.id).toBe(b.trust.epochs.newest?.id);
    await expect.poll(() => b.trust.epochs.rival?.id).toBe(a.trust.epochs.newest?.id);
  });

  it('count a forged one, answer all the same, and follow nobody', async () => {
    const { a, b } = await pair();
    const forged = recoveryAt({ index: 20, by: forger, voters: some(2) });
    await expect(a.trust.recover(forged)).rejects.toEqual(refused('signature'));
    // A hostile member's own program does not check what it sends.
    const hostile = { ...a.trust, epochs: { newest: { bytes: forged }, rival: undefined } };
    const exchange = new RecoveryExchange({
      ...{ meshId: MESH, metrics: a.machine.metrics, logger: a.machine.logger },
      clock: a.machine.clock,
      trust: hostile as never,
      report: () => REPORT,
      genesis: async () => undefined,
      connected: () => ['b'],
      requester: {
        request: async (_peer, _protocol, body) => await asked(body),
      },
      responder: { handle: async () => undefined, unhandle: async () => undefined },
    });
    let asked: (body: Uint8Array) => Promise<Uint8Array> = () => Promise.reject(new Error());
    const serving = new RecoveryExchange({
      ...{ meshId: MESH, trust: b.trust, metrics: b.machine.metrics, logger: b.machine.logger },
      clock: b.machine.clock,
      report: () => REPORT,
      genesis: async () => undefined,
      connected: () => [],
      requester: { request: () => Promise.reject(new Error()) },
      responder: {
        handle: async (_protocol, handler) => {
          asked = (body) => handler('a', body, new AbortController().signal);
        },
        unhandle: async () => undefined,
      },
    });
    await serving.start();
    expect((await exchange.ask('b')).report).toEqual(REPORT);
    expect(b.machine.counted).toContain('cooee_slurp_recoveries_refused_total ');
    expect(b.trust.epochs.current.epoch).toBe(0);
  });
});
