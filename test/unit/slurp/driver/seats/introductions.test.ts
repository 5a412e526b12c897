import { beforeEach, describe, expect, it } from 'vitest';
import type { MemberRecord } from '../../../../../protocols/interface/index.ts';
import type { Configuration } from '../../../../../protocols/raft/index.ts';
import {
  decodeLinkMessage,
  encodeHello,
  encodeRefused,
} from '../../../../../protocols/slurp/driver/raft-codec.ts';
import { Introductions } from '../../../../../protocols/slurp/driver/seats/introductions.ts';
import { LostState } from '../../../../../protocols/slurp/driver/seats/lost-state.ts';
import { SeatMarks } from '../../../../../protocols/slurp/driver/seats/seat-marks.ts';
import { decodeHead } from '../../../../../protocols/slurp/index.ts';
import { systemError } from '../../../../../storage/faults.ts';
import { memberRecord } from '../../../help/call-world.ts';
import { crypto, founder, headOf, Machine, second, third } from '../../mesh-world.ts';

// Goal: a node that may have forgotten what it promised has no seat until it was a learner again
// with this very start in the log; and none loses its seat for a word without proof.

const self = founder.peer;
const START = { boot: 5, bootNonce: 'a'.repeat(32) };
const ALL = [self, second.peer, third.peer];
const asVoter: Configuration = { voters: ALL, learners: [] };
const asLearner: Configuration = { voters: ALL.slice(1), learners: [self] };

let machine: Machine;
let marks: SeatMarks;
let state: LostState;
let configuration: Configuration;
let configurationIndex: number;
let sent: { peer: string; kind: string; hasLostState?: boolean }[];
let lost: number;
let awaitedIndex: number | undefined;

beforeEach(() => {
  awaitedIndex = undefined;
  configuration = asVoter;
  configurationIndex = 1;
  sent = [];
  lost = 0;
});

/** Another start of the node, on what its disk has. */
async function open(start = START): Promise<Introductions> {
  const { meshLog, health, logger, metrics } = machine;
  marks = new SeatMarks({ ...machine, onFatal: () => undefined });
  await marks.open();
  const { tailIndex, commitIndex, term, meshId } = meshLog;
  const log = { tailIndex, commitIndex, term, meshId } as unknown as typeof meshLog;
  log.configuration = () => ({ configuration, configurationIndex });
  const member: (peer: string) => MemberRecord | undefined = (peer) => registered.get(peer);
  state = new LostState(
    {
      ...{ meshLog: log, marks, health, logger, member },
      awaitedIndex: () => awaitedIndex,
      onChange: () => void lost++,
      say: () => introductions.introduceAll(),
    },
    { self, start },
  );
  const introductions = new Introductions(
    {
      ...{ meshLog: log, lostState: state, logger, metrics, crypto, member },
      link: {
        isConnected: () => true,
        send: (peer, bytes) => {
          const message = decodeLinkMessage(bytes, { from: self, to: peer });
          const { hasLostState } = message.kind === 'hello' ? message.hello : {};
          sent.push({
            ...{ peer, kind: message.kind },
            ...(hasLostState === undefined ? {} : { hasLostState }),
          });
          return true;
        },
      },
      signedBy: () => undefined,
      epoch: () => '',
      configuration: () => configuration,
      onIntroduced: () => undefined,
      onDismissed: () => undefined,
    },
    { self, start },
  );
  await state.open();
  return introductions;
}

/** What a later start knows of the loss. */
async function isLostAfterRestart(): Promise<boolean> {
  await open();
  return state.isLost;
}

/** The configuration changed, or a start was registered. */
function look(node: Introductions): void {
  node.look();
  state.look();
}

const registered = new Map([second, third].map(({ peer }) => [peer, memberRecord(peer)]));
const register = (start = START) => registered.set(self, memberRecord(self, start));
beforeEach(() => registered.delete(self));

describe('a node whose log begins anew', () => {
  beforeEach(async () => {
    machine = await Machine.open({ empty: true });
  });

  it('has no vote, and says nothing but that once its start is in the log', async () => {
    const node = await open();
    expect(state.isLost).toBe(true);
    node.introduceAll();
    expect(sent).toEqual([]);
    register();
    node.introduceAll();
    expect(sent).toEqual([
      { peer: second.peer, kind: 'hello', hasLostState: true },
      { peer: third.peer, kind: 'hello', hasLostState: true },
    ]);
  });

  it.each([
    ['is further', { lastIndex: 4 }, true],
    ['is in a later term', { term: 7 }, true],
    ['lost that itself', { lastIndex: 4, hasLostState: true }, false],
    ['is of another epoch', { lastIndex: 4, epoch: 'ab' }, false],
    ['is where this node is', {}, false],
  ])('knows that it may be passed by one that %s', async (_name, claim, isPassed) => {
    const node = await open();
    configuration = { voters: [self], learners: [] };
    expect(node.isPassed).toBe(false);
    const hello = { ...START, term: 0, lastIndex: 0, hasLostState: false, epoch: '', ...claim };
    node.onMessage(second.peer, { kind: 'hello', isAnswer: false, hello });
    expect(node.isPassed).toBe(isPassed);
    const lost = { ...hello, lastIndex: 0, hasLostState: true };
    node.onMessage(second.peer, { kind: 'hello', isAnswer: false, hello: lost });
    expect(node.isPassed).toBe(false);
    node.onMessage(second.peer, { kind: 'hello', isAnswer: false, hello });
    node.forgetAll();
    expect(node.isPassed).toBe(false);
  });

  it('has those as partners to whom it has to say so, while it is one of them', async () => {
    const node = await open();
    expect(node.partners).toEqual([second.peer, third.peer]);
    configuration = { voters: [second.peer], learners: [third.peer] };
    expect(node.partners).toEqual([]);
    node.prove(ALL);
    expect(node.partners).toEqual([second.peer, third.peer]);
  });

  it('keeps that in mind over a restart, with entries in its log by then', async () => {
    await open();
    await machine.log.append([await genesis()], { term: 1, vote: null, commit: 1 });
    await machine.restart({ log: 'kept', storeBatches: Number.MAX_SAFE_INTEGER });
    expect(machine.meshLog.tailIndex).toBe(1);
    expect(await isLostAfterRestart()).toBe(true);
  });

  it('may go on as a learner, not by what the log says from before this start', async () => {
    const node = await open();
    configuration = asLearner;
    registered.set(self, memberRecord(self, { boot: 4, bootNonce: 'b'.repeat(32) }));
    look(node);
    expect(state.isLost).toBe(true);
    register();
    look(node);
    expect(state.isLost).toBe(false);
    await expect.poll(() => lost).toBe(1);
  });

  it('may not while it is a voter, whatever was registered', async () => {
    const node = await open();
    register();
    look(node);
    expect(state.isLost).toBe(true);
    expect(lost).toBe(0);
  });
});

describe('a node that hears of a recovery which its log does not reach', () => {
  beforeEach(async () => {
    machine = await Machine.open();
    register();
  });

  it('has no vote behind that before it was a learner there', async () => {
    const node = await open();
    expect(state.isLost).toBe(false);
    awaitedIndex = 30;
    configuration = asLearner;
    configurationIndex = 30;
    look(node);
    expect([state.isLost, marks.isKept]).toEqual([true, false]);
    // It has come there, and is a voter by what it finds: by a copy it forgot what it promised.
    awaitedIndex = undefined;
    configuration = asVoter;
    configurationIndex = 31;
    look(node);
    expect(state.isLost).toBe(true);
    configuration = asLearner;
    configurationIndex = 32;
    look(node);
    expect(state.isLost).toBe(false);
  });

  it('knows that from the start', async () => {
    awaitedIndex = 30;
    expect(await isLostAfterRestart()).toBe(true);
  });
});

describe('a node that is not believed', () => {
  beforeEach(async () => {
    machine = await Machine.open();
    register();
  });

  const refuse = (node: Introductions, evidence: Uint8Array) => {
    const bytes = encodeRefused('lost-state', evidence);
    const message = decodeLinkMessage(bytes, { from: second.peer, to: self });
    if (message.kind === 'raft') throw new Error('no word of the core');
    node.onMessage(second.peer, message);
  };

  it('goes by its own signature beyond its log alone', async () => {
    const node = await open();
    expect(state.isLost).toBe(false);
    refuse(node, new Uint8Array());
    const records = await machine.records();
    refuse(node, headOf([...records, { ...records[0]!, index: 2 }], second));
    expect(state.isLost).toBe(false);
    const own = headOf([...records, { ...records[0]!, index: 2 }], founder);
    expect(decodeHead(own).head.index).toBe(2);
    refuse(node, own);
    expect(state.isLost).toBe(true);
    await expect.poll(() => lost).toBe(1);
    expect(await isLostAfterRestart()).toBe(true);
  });

  it('is well again only by a change of the seats after that', async () => {
    const node = await open();
    state.lose();
    configuration = asLearner;
    look(node);
    expect(state.isLost).toBe(true);
    configurationIndex = 2;
    look(node);
    expect(state.isLost).toBe(false);
    await expect.poll(() => lost).toBe(2);
    expect(await isLostAfterRestart()).toBe(false);
  });
});

describe('a node that cannot write down that it lost its state', () => {
  const points = ['log:write', 'log:sync', 'log:synced'];

  it.each(points)('says nothing of its state before it could: %s', async (point) => {
    machine = await Machine.open();
    register();
    const node = await open();
    machine.faults.fail(point, systemError('EIO'));
    await expect(state.lose()).rejects.toMatchObject({ code: 'ERR_STORAGE_IO' });
    expect([state.isLost, lost]).toEqual([true, 1]);
    node.introduceAll();
    node.introduce(second.peer);
    expect(sent).toEqual([]);
    machine.faults.mend();
    await machine.log.open();
    await marks.keep();
    node.introduceAll();
    expect(sent.map(({ hasLostState }) => hasLostState)).toEqual([true, true]);
    await machine.restart();
    expect(await isLostAfterRestart()).toBe(true);
  });

  it('does not begin a log anew without', async () => {
    machine = await Machine.open({ empty: true });
    for (const point of points) {
      machine.faults.fail(point, systemError('EIO'));
      await expect(open()).rejects.toMatchObject({ code: 'ERR_STORAGE_IO' });
      machine.faults.mend();
      await machine.restart();
    }
    expect(await isLostAfterRestart()).toBe(true);
    expect([machine.log.marks.get('lost-state'), machine.log.lastIndex]).toEqual([0, 0]);
    // Which of the two it was is not known any more.
    const [{ code, text } = { code: '', text: '' }] = machine.health.list();
    expect(code).toBe('lost-state');
    expect(text).toMatch(/an older copy, or its log was damaged/u);
  });

  it('says so to all when it has', async () => {
    machine = await Machine.open();
    const node = await open();
    const done = state.lose();
    node.introduceAll();
    expect(sent).toEqual([]);
    await done;
    expect(sent.map(({ peer }) => peer)).toEqual([second.peer, third.peer]);
  });
});

async function genesis() {
  const other = await Machine.open();
  const [first] = await other.records();
  if (first === undefined) throw new Error('no genesis');
  return first;
}

describe('a learner whose seat is not known here yet', () => {
  it('has no answer, and is greeted by itself when it is', async () => {
    machine = await Machine.open();
    register();
    const node = await open();
    const hello = (peer: string, isAnswer: boolean) => {
      const { boot, bootNonce } = memberRecord(peer);
      const log = { term: 1, lastIndex: 9, hasLostState: false, epoch: '' };
      const bytes = encodeHello({ boot, bootNonce, ...log }, isAnswer);
      const message = decodeLinkMessage(bytes, { from: peer, to: self });
      if (message.kind === 'raft') throw new Error('no word of the core');
      node.onMessage(peer, message);
    };
    configuration = { voters: [self, second.peer], learners: [] };
    hello(second.peer, true);
    hello(third.peer, false);
    expect([sent, node.isKnown(third.peer)]).toEqual([[], false]);
    configuration = { voters: [self, second.peer], learners: [third.peer] };
    node.introduceToUnknown();
    expect(sent).toEqual([{ peer: third.peer, kind: 'hello', hasLostState: false }]);
    hello(third.peer, true);
    expect(node.isKnown(third.peer)).toBe(true);
    node.introduceToUnknown();
    expect(sent).toHaveLength(1);
  });
});

describe('a learner that lost its state', () => {
  beforeEach(async () => {
    machine = await Machine.open();
    register();
  });

  const hear = (node: Introductions, lastIndex: number, hasLostState: boolean, later = 0) => {
    const record = memberRecord(third.peer);
    const start = { ...record, boot: record.boot + later };
    const log = { term: 1, lastIndex, hasLostState };
    const hello = { boot: start.boot, bootNonce: start.bootNonce, ...log, epoch: '' };
    const message = decodeLinkMessage(encodeHello(hello, true), { from: third.peer, to: self });
    if (message.kind === 'raft') throw new Error('no word of the core');
    node.onMessage(third.peer, message);
  };

  it('is known to have, until the seats change, when it says so of the present ones', async () => {
    configuration = { voters: [self, second.peer], learners: [third.peer] };
    configurationIndex = 9;
    const node = await open();
    // It has not seen yet that it was made a learner: it will go on by itself.
    hear(node, 8, true);
    expect([...node.lost]).toEqual([]);
    // A start that is not in the log is no use to be added with.
    hear(node, 12, true, 1);
    expect([...node.lost]).toEqual([]);
    hear(node, 12, true);
    expect([...node.lost]).toEqual([third.peer]);
    look(node);
    expect([...node.lost]).toEqual([third.peer]);
    configurationIndex = 13;
    look(node);
    expect([...node.lost]).toEqual([]);
    hear(node, 14, true);
    hear(node, 15, false);
    expect([...node.lost]).toEqual([]);
  });

  it('is one of them at once when it was a voter before: that change brings it back', async () => {
    configuration = { voters: [self, second.peer, third.peer], learners: [] };
    configurationIndex = 9;
    const node = await open();
    hear(node, 3, true);
    expect([...node.lost]).toEqual([third.peer]);
    configuration = { voters: [self, second.peer], learners: [third.peer] };
    configurationIndex = 10;
    look(node);
    expect([...node.lost]).toEqual([]);
  });
});
