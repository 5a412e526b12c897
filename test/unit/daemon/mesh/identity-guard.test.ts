import { beforeEach, describe, expect, it } from 'vitest';
import {
  IdentityGuard,
  type IdentityGuardComponents,
} from '../../../../daemon/mesh/identity-guard.ts';
import { nodeCrypto } from '../../../../daemon/system/crypto.ts';
import { HealthBook } from '../../../../daemon/system/health.ts';
import {
  CooeeError,
  type ErrorDetails,
  silentLogger,
} from '../../../../protocols/interface/index.ts';
import { type Start, signStart, startDetails } from '../../../../protocols/membership/index.ts';
import {
  ADMIN,
  keyOf,
  MEMBER,
  MESH,
  nonceOf,
  OTHER_MESH,
  STRANGER,
  TestMesh,
} from '../../membership/mesh-fixture.ts';
import { CountingMetrics } from '../../wire/gossip-fixture.ts';
import { ManualClock } from '../../wire/manual-clock.ts';

// Goal: a node stops for a proof and for its own log, never for a member's word. The node under
// test is MEMBER, in its third start.

const ACCUSATIONS = 'cooee_membership_false_accusations_total';
const SELF_KEY = 3;
const OWN: Start = { boot: 3, bootNonce: nonceOf('a') };
const OTHER: Start = { boot: 3, bootNonce: nonceOf('b') };

let mesh: TestMesh;
let metrics: CountingMetrics;
let health: HealthBook;
let closed: string[];
let guard: IdentityGuard;
let clock: ManualClock;

beforeEach(() => {
  mesh = new TestMesh();
  metrics = new CountingMetrics();
  health = new HealthBook(silentLogger);
  closed = [];
  clock = new ManualClock();
  const part = (name: string) => ({ stop: async () => void closed.push(name) });
  const outbox = {
    shut: ({ code }: CooeeError) => void closed.push(`outbox ${code}`),
    first: () => undefined,
  };
  guard = new IdentityGuard({
    ...{ outbox, courier: part('courier'), blockCourier: part('block courier') },
    consensus: { retire: async (what: string) => void closed.push(`retire ${what}`) },
    ...{ view: { voters: () => [ADMIN] }, state: mesh.state, crypto: nodeCrypto },
    ...{ health, metrics, logger: silentLogger, self: MEMBER, meshId: MESH, boot: OWN },
    network: { node: { getConnections: () => [{ close: async () => void closed.push('cut') }] } },
    noteBoot: async (boot: number) => void closed.push(`boot ${boot}`),
    noteStale: async () => void closed.push('stale'),
    askAgain: () => void closed.push('ask'),
    startAgain: () => void closed.push('again'),
    clock,
    onRemoved: () => void closed.push('removed'),
  } as unknown as IdentityGuardComponents);
});

const proofOf = (start: Start, key = SELF_KEY, meshId = MESH): ErrorDetails =>
  startDetails(signStart(keyOf(key), meshId, start));

/** A member calls this node a clone. */
const accuse = (details: ErrorDetails, peer = STRANGER): void =>
  guard.refusedBy(peer, new CooeeError('ERR_MEMBERSHIP_CLONE', undefined, { details }));

const accusations = (): number => metrics.read(ACCUSATIONS);

describe('IdentityGuard', () => {
  it('counts on from the start that the log has, so that the next start is a later one', () => {
    mesh.put(MEMBER, 'member', { boot: 2, bootNonce: nonceOf('c') });
    guard.counted();
    mesh.put(MEMBER, 'member', OWN);
    guard.counted();
    expect(closed).toEqual([]);
    mesh.put(MEMBER, 'member', { boot: 7, bootNonce: nonceOf('d') });
    guard.counted();
    expect(closed).toEqual(['boot 7']);
  });

  it.each<[string, Start]>([
    ['with its number', OTHER],
    ['with a higher number', { boot: 9, bootNonce: nonceOf('c') }],
  ])('stops for another start of its own %s, signed by its key', async (_what, start) => {
    accuse(proofOf(start));
    expect(guard.verdict).toBe('ERR_MEMBERSHIP_CLONE');
    expect(health.list()).toMatchObject([{ code: 'clone', severity: 'error' }]);
    expect(health.list()[0]?.text).toContain(MEMBER);
    await Promise.resolve();
    await Promise.resolve();
    const done = [
      'outbox ERR_MEMBERSHIP_CLONE',
      'courier',
      'block courier',
      'stale',
      'retire seat',
    ];
    expect(closed).toEqual(done);
    expect(accusations()).toBe(0);
  });

  it.each<[string, () => ErrorDetails]>([
    ['nothing', () => ({})],
    ["another's signature", () => proofOf(OTHER, 4)],
    ['a start in another mesh', () => proofOf(OTHER, SELF_KEY, OTHER_MESH)],
    ['this very start', () => proofOf(OWN)],
    ['an earlier start of this node', () => proofOf({ boot: 2, bootNonce: nonceOf('c') })],
    [
      'an earlier start with a new number',
      () => ({
        ...proofOf({ boot: 2, bootNonce: nonceOf('c') }),
        boot: 4,
      }),
    ],
    ['this start with another nonce', () => ({ ...proofOf(OWN), bootNonce: nonceOf('d') })],
    ['garbage', () => ({ boot: 3, bootNonce: nonceOf('b'), signature: 'zz' })],
  ])('goes on when a member calls it a clone and shows %s: counted', (_what, details) => {
    // Not even a voter's word counts.
    for (const peer of [STRANGER, ADMIN]) accuse(details(), peer);
    expect(guard.verdict).toBeUndefined();
    expect(health.list()).toEqual([]);
    expect(closed).toEqual([]);
    expect(accusations()).toBe(2);
  });

  it.each<[string, Partial<ReturnType<TestMesh['member']>>]>([
    ['another start with this number', { ...OTHER }],
    ['a later start', { boot: 4, bootNonce: nonceOf('c') }],
    ['this start marked as a clone', { ...OWN, isCloned: true }],
  ])('stops without a proof when its own log has %s', (_what, record) => {
    mesh.put(MEMBER, 'member', record);
    accuse({});
    expect(guard.verdict).toBe('ERR_MEMBERSHIP_CLONE');
    expect(accusations()).toBe(0);
  });

  it.each<[string, Partial<ReturnType<TestMesh['member']>>]>([
    ['this start', { ...OWN }],
    ['an earlier start', { boot: 2, bootNonce: nonceOf('c'), isCloned: true }],
    ['no start', {}],
    ['this number without a nonce, as genesis does', { boot: 3 }],
  ])('goes on without a proof when its own log has %s', (_what, record) => {
    mesh.put(MEMBER, 'member', record);
    accuse({});
    expect(guard.verdict).toBeUndefined();
    expect(accusations()).toBe(1);
  });

  it("takes a voter's word for its removal, and no other member's", () => {
    guard.refusedBy(STRANGER, new CooeeError('ERR_MEMBERSHIP_REMOVED'));
    expect(guard.verdict).toBeUndefined();
    guard.refusedBy(ADMIN, new CooeeError('ERR_MEMBERSHIP_REMOVED'));
    expect(guard.verdict).toBe('ERR_MEMBERSHIP_REMOVED');
    expect(accusations()).toBe(0);
  });

  it('names another member that runs twice until it has started anew or is gone', () => {
    const codes = () => health.list().map(({ code }) => code);
    guard.accuse(STRANGER, 3);
    expect(closed).toEqual(['cut']);
    expect(codes()).toEqual([`clone-of-${STRANGER}`]);
    // One of the two registers its start after both were seen.
    mesh.put(STRANGER, 'member', { boot: 3, bootNonce: nonceOf('a') });
    guard.acquit(STRANGER);
    expect(codes()).toEqual([`clone-of-${STRANGER}`]);
    mesh.put(STRANGER, 'member', { boot: 4, bootNonce: nonceOf('c') });
    guard.acquit(STRANGER);
    expect(codes()).toEqual([]);
    guard.accuse(STRANGER, 4);
    mesh.put(STRANGER, 'member', { boot: 4, removedIndex: 9 });
    guard.acquit(STRANGER);
    expect(codes()).toEqual([]);
    expect(guard.verdict).toBeUndefined();
  });
});

describe('IdentityGuard of a home that was put back from an older copy', () => {
  const later: Start = { boot: 9, bootNonce: nonceOf('c') };
  const AGAIN = ['boot 9', 'stale', 'again'];

  it('begins a start behind the one that it was shown, when nobody met that one', async () => {
    accuse({ ...proofOf(later), isLive: false });
    await clock.advance(11_900);
    expect(closed).not.toContain('again');
    expect(closed.filter((it) => it === 'ask')).toHaveLength(1);
    await clock.advance(200);
    expect(closed.slice(-3)).toEqual(AGAIN);
  });

  it('begins it behind the one in the log, whoever said before that nobody met it', async () => {
    accuse({ isLive: false });
    expect(guard.verdict).toBeUndefined();
    mesh.put(MEMBER, 'member', { boot: 9, bootNonce: nonceOf('d') });
    guard.cloned();
    await clock.advance(13_000);
    expect(closed.slice(-3)).toEqual(AGAIN);
  });

  it.each<[string, () => void]>([
    ['a member met the other one', () => accuse({ ...proofOf(later), isLive: true }, ADMIN)],
    ['a member does not tell', () => accuse(proofOf(later), ADMIN)],
  ])('stays shut when %s', async (_what, word) => {
    accuse({ ...proofOf(later), isLive: false });
    word();
    await clock.advance(60_000);
    expect(closed).not.toContain('again');
    expect(guard.verdict).toBe('ERR_MEMBERSHIP_CLONE');
  });

  it('stays shut when the other one is back as it asks for the second time', async () => {
    accuse({ ...proofOf(later), isLive: false });
    await clock.advance(6_100);
    expect(closed).toContain('ask');
    accuse({ ...proofOf(later), isLive: true });
    await clock.advance(60_000);
    expect(closed).not.toContain('again');
    expect(closed.filter((it) => it === 'ask')).toHaveLength(1);
  });

  it('stays shut when the log had its start: the other one came later', async () => {
    mesh.put(MEMBER, 'member', OWN);
    guard.counted();
    accuse({ ...proofOf(later), isLive: false });
    await clock.advance(60_000);
    expect(closed).not.toContain('again');
    expect(closed).not.toContain('stale');
  });

  it("does nothing for a member's word alone", async () => {
    accuse({ isLive: false });
    await clock.advance(60_000);
    expect(closed).toEqual([]);
  });
});
