import { describe, expect, it } from 'vitest';
import type { RequestHandler } from '../../../../protocols/interface/index.ts';
import { serveReplica } from '../../../../protocols/slurp/index.ts';
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
import { expectNoUnhandled } from '../unhandled.ts';
import { Follower } from './follower.ts';

expectNoUnhandled();

// Goal: a follower comes along a chain of 150 changes of voters, whatever its anchor, and has all
// links in the end. Method: a real server of a real log, asked through real messages.

const changes = rotation(150);
const LENGTH = 500;
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
