import { describe, expect, it } from 'vitest';
import type { RequestHandler, Signer } from '../../../../protocols/interface/index.ts';
import { linkIndex } from '../../../../protocols/slurp/heads/trust-store.ts';
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
import { codeOf, Machine, rootOf } from '../mesh-world.ts';
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

describe('a follower that went past a change of voters', () => {
  // Of {1, 2, 3} two sign at 20 for four, and two hand over already at 12: their link verifies
  // from {1, 2} as well.
  const steps = new Map([
    [4, some(1, 2)],
    [12, some(1, 2, 3)],
    [20, some(1, 2, 3, 4)],
  ]);
  const log = logWith(steps, 30);
  const [link4, link12] = linksOf(log, steps) as [Uint8Array, Uint8Array];
  const headOf = (index: number, by: Signer[], voters = by, other: object = {}) =>
    headBy(by, { index, root: rootOf(log.slice(0, index)), by: voters, ...other });
  const link20 = headOf(20, some(1, 2), some(1, 2, 3, 4));
  const mark = headOf(16, some(1, 2), some(1, 2, 3), { stateCid: STATE_CID });
  const newest = headOf(30, some(1, 2, 3, 4));

  /** A member without entries that has these links, and tells behind which it was asked. */
  const withLinks = (
    given: Uint8Array[],
    asked: number[],
    heads = { head: newest, mark },
  ): Source => {
    return async (_from, _signal, body) => {
      const { chain } = pullRequest.decode(body as Uint8Array);
      asked.push(chain);
      const some64 = given.filter((link) => linkIndex(link) > chain).slice(0, 64);
      return pullResponse.encode(heads.head, [], { links: some64, mark: heads.mark });
    };
  };

  it('asks the next member for it when a mark in between cannot be judged', async () => {
    const asked: number[] = [];
    const lacking = withLinks([link4, link20], asked);
    const follower = await Follower.open([lacking], anchorAt(log, 1));
    expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
    expect([follower.book.mark(), asked]).toEqual([undefined, [1]]);
    // Who lacks it too does not end the search.
    expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
    follower.sources.set('whole', withLinks([link4, link12, link20], asked));
    expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
    expect(asked).toEqual([1, 4, 4, 4]);
    expect(follower.book.mark()?.bytes).toEqual(mark);
    expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
    expect(asked.slice(4)).toEqual([20, 20]);
  });

  describe('with many changes behind it', () => {
    const many = new Map(steps);
    for (let i = 21; i <= 120; i++) many.set(i, i % 2 === 0 ? some(1, 2, 3, 4) : some(1, 2, 3));
    const far = logWith(many, 130);
    const [, , , ...behind] = linksOf(far, many);
    const lacking = [link4, link20, ...behind];
    const heads = {
      head: headBy(some(1, 2, 3), { index: 130, root: rootOf(far), by: some(1, 2, 3, 4) }),
      mark,
    };

    it('asks no further than the change that it knows', async () => {
      const asked: number[] = [];
      const follower = await Follower.open([withLinks(lacking, asked, heads)], anchorAt(far, 1));
      for (let i = 0; i < 2; i++) expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
      expect(asked).toEqual([1, 82, 4, 120]);
    });

    it('ends with a source that tells the same again and again', async () => {
      let count = 0;
      const links64 = lacking.slice(0, 64);
      const stuck = async () => {
        count++;
        return pullResponse.encode(heads.head, [], { links: links64, mark });
      };
      const follower = await Follower.open([withLinks(lacking, [], heads)], anchorAt(far, 1));
      expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
      const late = headBy(some(1), { index: 119, root: rootOf(far), by: some(1) });
      expect(await codeOf(follower.book.accept(late))).toBe('ERR_SLURP_HEAD');
      follower.sources = new Map([['stuck', stuck]]);
      for (let i = 1; i <= 2; i++) {
        expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
        expect(count).toBe(17 * i);
      }
    });
  });

  it('goes on behind full answers when it was told of more', async () => {
    const more = new Map<number, Signer[]>([[4, some(1, 2)]]);
    for (let i = 5; i < 155; i++) more.set(i, i % 2 === 0 ? some(1, 2) : some(1, 2, 3));
    more.set(200, some(1, 2, 3));
    const whole = logWith(more, 202);
    const at = (index: number) => ({ index, root: rootOf(whole.slice(0, index)) });
    const all = linksOf(whole, more);
    const last = headBy(some(1, 2), { ...at(201), by: some(1, 2, 3, 4) });
    const by = some(1, 2, 3);
    const late = headBy(some(1, 2), { ...at(200), by, stateCid: STATE_CID });
    const asked: number[] = [];
    const source = (given: Uint8Array[]): Source => {
      const heads = { head: headBy(by, { ...at(202), by: some(1, 2, 3, 4) }), mark: late };
      return withLinks([...given, last], asked, heads);
    };
    const follower = await Follower.open([source(all.slice(0, -1))], anchorAt(whole, 1));
    expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
    expect(asked).toEqual([1, 67, 131]);
    const forged = headBy(some(1), { ...at(6), by: some(1, 2) });
    expect(await codeOf(follower.book.accept(forged))).toBe('ERR_SLURP_HEAD');
    asked.length = 0;
    follower.sources = new Map([['whole', source(all)]]);
    expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
    expect(asked).toEqual([6, 70, 134]);
    expect(follower.book.mark()?.bytes).toEqual(late);
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
