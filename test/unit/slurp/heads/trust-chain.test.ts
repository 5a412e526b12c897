import { describe, expect, it } from 'vitest';
import { followChain } from '../../../../protocols/slurp/heads/trust-chain.ts';
import { crypto, founder, MESH } from '../mesh-world.ts';
import { headBy, linksOf, logWith, names, refused, rotation, some } from './voters.ts';

const changes = rotation(30);
const records = logWith(changes, 100);
const links = linksOf(records, changes);
const indices = [...changes.keys()];
const start = { mesh: MESH, epoch: 0, set: { index: 1, voters: [founder.peer] } };
const follow = (given: readonly Uint8Array[], from = start) => followChain(crypto, from, given);
const votersOf = (place: number) => changes.get(indices[place] as number) ?? [];

describe('followChain', () => {
  it('follows many changes, to voters of whom none was there at the start', () => {
    const { set, links: followed } = follow(links);
    expect(set).toEqual({ index: indices.at(-1), voters: names(votersOf(29)), epoch: 0 });
    expect(set.voters).not.toContain(founder.peer);
    expect(followed).toHaveLength(30);
  });

  it('begins anywhere, and passes over what is before', () => {
    const set = { index: (indices[11] as number) + 1, voters: names(votersOf(11)) };
    const { links: followed } = follow(links, { ...start, set });
    expect(followed.map(({ set: it }) => it.index)).toEqual(indices.slice(12));
    expect(follow(links.slice(0, 12), { ...start, set }).set).toEqual(set);
  });

  it.each([
    ['a hole of several changes', [...links.slice(0, 4), ...links.slice(9)], 'foreign'],
    ['two in the wrong order', [links[1], links[0]] as Uint8Array[], 'foreign'],
    ['one twice', [links[0], links[0]] as Uint8Array[], 'chain'],
  ])('refuses %s', (_name, given, reason) => {
    expect(() => follow(given)).toThrow(refused(reason));
  });

  const at = indices[5] as number;
  const before = votersOf(4);
  const after = votersOf(5);
  const root = new Uint8Array(32);
  it.each([
    ['signed by the new voters only', headBy(some(9, 8), { index: at, root, by: some(9, 8) })],
    ['signed by strangers', headBy(some(7, 8, 9), { index: at, root, by: after })],
  ])('refuses a link %s', (_name, link) => {
    expect(() => follow([...links.slice(0, 5), link])).toThrow(refused('foreign'));
  });

  it('refuses a link that too few signed, and one of another mesh', () => {
    const few = headBy(before.slice(0, 1), { index: at, root, by: after });
    expect(() => follow([...links.slice(0, 5), few])).toThrow(refused('too-few'));
    const mesh = `bafyrei${'b'.repeat(52)}`;
    const other = headBy(before, { index: at, root, by: after, mesh });
    expect(() => follow([...links.slice(0, 5), other])).toThrow(refused('mesh'));
  });

  it('does not take an ordinary head for a step, and does not run in circles', () => {
    const set = { index: 1, voters: names(some(1, 2, 3)) };
    const three = some(1, 2, 3);
    const heads = Array.from({ length: 20 }, (_, i) =>
      headBy(three, { index: 2 + i, root, by: three }),
    );
    expect(follow(heads, { ...start, set })).toEqual({ set, links: [] });
    const there = headBy(three, { index: 40, root, by: some(1, 2) });
    const back = headBy(some(1, 2), { index: 50, root, by: three });
    expect(follow([there, back], { ...start, set }).set.index).toBe(50);
    expect(() => follow([there, back, there], { ...start, set })).toThrow(refused('chain'));
  });

  it('refuses garbage', () => {
    expect(() => follow([new Uint8Array(40)])).toThrow(
      expect.objectContaining({ code: 'ERR_WIRE_MALFORMED' }),
    );
  });
});
