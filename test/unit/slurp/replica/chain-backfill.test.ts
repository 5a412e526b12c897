import { describe, expect, it } from 'vitest';
import type { RequestHandler, Signer } from '../../../../protocols/interface/index.ts';
import { serveReplica, type TrustBook } from '../../../../protocols/slurp/index.ts';
import { pullRequest, pullResponse } from '../../../../protocols/slurp/protocol.ts';
import {
  anchorAt,
  batchesWith,
  headBy,
  linksOf,
  logWith,
  openBook,
  rotation,
  some,
} from '../heads/voters.ts';
import { Machine, rootOf } from '../mesh-world.ts';
import { applyRecovery, GENESIS_BODY, recoveryAt } from '../recovery/recovery-world.ts';
import { expectNoUnhandled } from '../unhandled.ts';
import { answer, Follower, type Source } from './follower.ts';

expectNoUnhandled();

// Goal: a follower comes along a chain of 150 changes of voters, whatever its anchor, and has all
// links in the end. Method: a real server of a real log, asked through real messages.

const changes = rotation(150);
const LENGTH = 500;
const MARK = 480;
const STATE_CID = `bafyrei${'a'.repeat(52)}`;
const records = logWith(changes, LENGTH);
const links = linksOf(records, changes);
const votersAt = (index: number) => {
  const at = [...changes.keys()].findLast((it) => it <= index);
  return at === undefined ? some(1) : (changes.get(at) ?? []);
};
const headAt = (index: number) => {
  const by = votersAt(index);
  return headBy(by, { index, root: rootOf(records.slice(0, index)), by });
};

/** A member that serves that log, with those links. */
async function member(given = links) {
  const machine = await Machine.open();
  await machine.take(batchesWith(changes, LENGTH));
  const trust = await openBook(machine);
  await trust.learn(given);
  await trust.accept(headAt(LENGTH));
  return await served(machine, trust);
}

async function served(machine: Machine, trust: TrustBook): Promise<RequestHandler> {
  let serve: RequestHandler | undefined;
  await serveReplica({
    meshLog: machine.meshLog,
    trust,
    responder: {
      handle: async (_protocol, handler) => {
        serve = handler;
      },
      unhandle: async () => undefined,
    },
  });
  return serve as RequestHandler;
}

const follow = async (serve: RequestHandler, index: number) => {
  const requests: { chain: number; links: number }[] = [];
  const follower = await Follower.open([], anchorAt(records, index, votersAt(index)));
  follower.sources.set('member', async (_from, signal, body) => {
    const answer = await serve('me', body as Uint8Array, signal ?? new AbortController().signal);
    const { chain } = pullRequest.decode(body as Uint8Array);
    requests.push({ chain, links: pullResponse.decode(answer).links.length });
    return answer;
  });
  return { follower, requests };
};

describe('a follower', () => {
  it.each([1, 100, 333, 449])('comes along the chain from an anchor at %i', async (index) => {
    const { follower, requests } = await follow(await member(), index);
    expect(await follower.pull()).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(LENGTH);
    expect(follower.book.highest()?.signed.head.index).toBe(LENGTH);
    expect(Math.max(...requests.map((it) => it.links))).toBeLessThanOrEqual(64);
    // The links from before its anchor come afterwards.
    for (let i = 0; i < 4; i++) expect(await follower.pull()).toBe('ok');
    expect(follower.book.missingLinks()).toEqual([]);
    requests.length = 0;
    expect(await follower.pull()).toBe('ok');
    expect(requests).toEqual([{ chain: [...changes.keys()].at(-1), links: 0 }]);
    await follower.restart({ log: 'kept', storeBatches: 1_000 });
    expect(follower.book.missingLinks()).toEqual([]);
    expect(await follower.pull()).toBe('ok');
  });

  it('asks once for links that nobody has, and is not held up by that', async () => {
    const { follower, requests } = await follow(await member(links.slice(100)), 330);
    expect(await follower.pull()).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(LENGTH);
    for (let i = 0; i < 3; i++) expect(await follower.pull()).toBe('ok');
    requests.length = 0;
    for (let i = 0; i < 3; i++) expect(await follower.pull()).toBe('ok');
    expect(requests.map((it) => it.links)).toEqual([0, 0, 0]);
    expect(follower.book.missingLinks()).toHaveLength(100);
  });

  it('takes nothing from a source with a forged chain, and goes to the next', async () => {
    const serve = await member();
    const { follower } = await follow(serve, 100);
    const forged = headBy(some(8, 9), {
      index: 101,
      root: rootOf(records.slice(0, 101)),
      by: some(9),
    });
    const head = headBy(some(9), { index: 600, root: new Uint8Array(32), by: some(9) });
    const honest = follower.sources.get('member');
    follower.sources = new Map([
      ['forger', async () => pullResponse.encode(head, [], { links: [forged] })],
    ]);
    expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
    expect(follower.machine.refusals.length).toBeGreaterThan(0);
    if (honest !== undefined) follower.sources.set('member', honest);
    expect(await follower.pull()).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(LENGTH);
  });
});

describe('a follower without a state that heard of a recovery', () => {
  const [left] = some(7) as [Signer];

  /** A member on whose log the operator recovered behind all that, with a mark before that. */
  async function recovered() {
    const machine = await Machine.open();
    await machine.take(batchesWith(changes, LENGTH));
    const trust = await openBook(machine);
    await trust.learn(links);
    const by = votersAt(MARK);
    const root = rootOf(records.slice(0, MARK));
    await trust.accept(headBy(by, { index: MARK, root, by, stateCid: STATE_CID }));
    const at = { index: LENGTH, root: machine.meshLog.tailRoot(), genesis: GENESIS_BODY };
    const link = recoveryAt({ ...at, voters: [left] });
    await applyRecovery(machine, { signer: left, link, term: 7 });
    await trust.recover(link);
    const end = { index: LENGTH + 1, root: machine.meshLog.tailRoot(), term: 7, epoch: 1 };
    await trust.accept(headBy([left], { ...end, by: [left] }));
    return { serve: await served(machine, trust), link };
  }

  it.each([1, 333])('believes a mark from before that, from an anchor at %i', async (index) => {
    const { serve, link } = await recovered();
    const { follower, requests } = await follow(serve, index);
    await follower.book.recover(link);
    expect(await follower.pull()).toBe('ok');
    expect(requests[0]?.chain).toBe(index === 1 ? 1 : index);
    expect(follower.meshLog.appliedIndex).toBe(LENGTH + 1);
    expect(follower.book.mark()?.signed.head.index).toBe(MARK);
    expect(follower.machine.refusals).toEqual([]);
    expect(follower.book.voters()).toEqual([left.peer]);
  });

  it('comes along when it hears of that by the links alone', async () => {
    const { serve } = await recovered();
    const { follower, requests } = await follow(serve, 449);
    expect(await follower.pull()).toBe('ok');
    expect(requests.slice(0, 2).map(({ chain }) => chain)).toEqual([449, 449]);
    expect(follower.book.mark()?.signed.head.index).toBe(MARK);
    expect(follower.meshLog.appliedIndex).toBe(LENGTH + 1);
  });

  it('goes by no source that leaves links out, and by the next one', async () => {
    const { serve, link } = await recovered();
    const { follower } = await follow(serve, 1);
    await follower.book.recover(link);
    const honest = follower.sources.get('member') as Source;
    const head = headAt(40);
    const ofLess = async () =>
      pullResponse.encode(head, [], { links: [...links.slice(3, 60), link] });
    follower.sources = new Map([['one of less', ofLess]]);
    expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
    expect([follower.superseded, follower.machine.refusals.at(-1)]).toEqual([0, 'chain']);
    follower.sources.set('member', honest);
    expect(await follower.pull()).toBe('ok');
    expect(follower.book.mark()?.signed.head.index).toBe(MARK);
  });
});

describe('a follower whose state a recovery has left out', () => {
  it('says so before it pulls: the state may have come while that was heard of', async () => {
    const { follower } = await follow(await member(), 1);
    expect(await follower.pull()).toBe('ok');
    expect(follower.superseded).toBe(0);
    await follower.book.recover(recoveryAt({ index: 20, voters: some(7), genesis: GENESIS_BODY }));
    follower.sources.clear();
    expect(await follower.pull()).toBe('ERR_SLURP_NO_LEADER');
    expect(follower.superseded).toBe(1);
  });
});

describe('a follower whose state is of a rival', () => {
  it('gives it up when links lead past it, and nothing else fits', async () => {
    const [ours, theirs] = some(7, 8) as [Signer, Signer];
    const machine = await Machine.open();
    const place = { index: 1, root: machine.meshLog.tailRoot(), genesis: GENESIS_BODY };
    const [own, other] = [ours, theirs].map((it) => recoveryAt({ ...place, voters: [it] }));
    const last = recoveryAt({ index: 9, epoch: 2, voters: [theirs], genesis: GENESIS_BODY });
    await applyRecovery(machine, { signer: ours, link: own as Uint8Array, term: 7 });
    const log = await machine.records();
    const atEnd = { index: 2, root: rootOf(log), term: 7, epoch: 1 };
    const follower = await Follower.open([answer(log, headBy([ours], { ...atEnd, by: [ours] }))]);
    await follower.book.recover(own as Uint8Array);
    expect(await follower.pull()).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(2);
    await follower.book.recover(last);
    const head = headBy([theirs], { ...atEnd, index: 8, by: [theirs] });
    const way = { links: [other as Uint8Array, last] };
    follower.sources = new Map([['member', async () => pullResponse.encode(head, [], way)]]);
    for (let i = 0; i < 3; i++) {
      expect(follower.superseded).toBe(0);
      expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
    }
    expect(follower.superseded).toBe(1);
  });
});
