import { beforeEach, describe, expect, it } from 'vitest';
import type { Configuration } from '../../../../../protocols/raft/index.ts';
import {
  decodeLinkMessage,
  encodeRefused,
} from '../../../../../protocols/slurp/driver/raft-codec.ts';
import { Introductions } from '../../../../../protocols/slurp/driver/seats/introductions.ts';
import { decodeHead } from '../../../../../protocols/slurp/index.ts';
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
let configuration: Configuration;
let configurationIndex: number;
let sent: { peer: string; kind: string; hasLostState?: boolean }[];
let lost: number;

beforeEach(() => {
  configuration = asVoter;
  configurationIndex = 1;
  sent = [];
  lost = 0;
});

/** Another start of the node, on what its disk has. */
async function open(start = START): Promise<Introductions> {
  const { meshLog, store, health, logger, metrics } = machine;
  const { tailIndex, commitIndex, term, meshId } = meshLog;
  const log = { tailIndex, commitIndex, term, meshId } as unknown as typeof meshLog;
  log.configuration = () => ({ configuration, configurationIndex });
  const introductions = new Introductions(
    {
      ...{ meshLog: log, store, health, logger, metrics, crypto },
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
      head: () => undefined,
      configuration: () => configuration,
      member: (peer) => registered.get(peer),
      onIntroduced: () => undefined,
      onLost: () => void lost++,
      onDismissed: () => undefined,
    },
    { self, start },
  );
  await introductions.open();
  return introductions;
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
    expect(node.hasLostState).toBe(true);
    node.introduceAll();
    expect(sent).toEqual([]);
    register();
    node.introduceAll();
    expect(sent).toEqual([
      { peer: second.peer, kind: 'hello', hasLostState: true },
      { peer: third.peer, kind: 'hello', hasLostState: true },
    ]);
  });

  it('keeps that in mind over a restart, with entries in its log by then', async () => {
    await open();
    await machine.log.append([await genesis()], { term: 1, vote: null, commit: 1 });
    await machine.restart({ log: 'kept', storeBatches: Number.MAX_SAFE_INTEGER });
    expect(machine.meshLog.tailIndex).toBe(1);
    expect((await open()).hasLostState).toBe(true);
  });

  it('may go on as a learner, not by what the log says from before this start', async () => {
    const node = await open();
    configuration = asLearner;
    registered.set(self, memberRecord(self, { boot: 4, bootNonce: 'b'.repeat(32) }));
    node.look();
    expect(node.hasLostState).toBe(true);
    register();
    node.look();
    expect(node.hasLostState).toBe(false);
    await expect.poll(() => lost).toBe(1);
  });

  it('may not while it is a voter, whatever was registered', async () => {
    const node = await open();
    register();
    node.look();
    expect(node.hasLostState).toBe(true);
    expect(lost).toBe(0);
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
    expect(node.hasLostState).toBe(false);
    refuse(node, new Uint8Array());
    const records = await machine.records();
    refuse(node, headOf([...records, { ...records[0]!, index: 2 }], second));
    expect(node.hasLostState).toBe(false);
    const own = headOf([...records, { ...records[0]!, index: 2 }], founder);
    expect(decodeHead(own).head.index).toBe(2);
    refuse(node, own);
    expect(node.hasLostState).toBe(true);
    await expect.poll(() => lost).toBe(1);
    expect((await open()).hasLostState).toBe(true);
  });

  it('is well again only by a change of the seats after that', async () => {
    const node = await open();
    node.lose();
    configuration = asLearner;
    node.look();
    expect(node.hasLostState).toBe(true);
    configurationIndex = 2;
    node.look();
    expect(node.hasLostState).toBe(false);
    await expect.poll(() => lost).toBe(2);
    expect((await open()).hasLostState).toBe(false);
  });
});

async function genesis() {
  const other = await Machine.open();
  const [first] = await other.records();
  if (first === undefined) throw new Error('no genesis');
  return first;
}
