import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../daemon/system/crypto.ts';
import { LIMITS, type Outcome } from '../../../protocols/interface/index.ts';
import {
  makeAdmin,
  memberOf,
  meshIdOf,
  reduceBoot,
  reduceGenesis,
  reduceIssue,
  reduceRemove,
  reduceRevoke,
  reduceRole,
  reduceSettings,
} from '../../../protocols/membership/index.ts';
import { MeshState, StateOverlay } from '../../../protocols/slurp/index.ts';
import {
  ADMIN,
  CURATOR,
  codeOf,
  keyOf,
  MEMBER,
  nonceOf,
  peerOf,
  STRANGER,
  TestMesh,
} from './mesh-fixture.ts';

const key = keyOf(60).publicKey;
const issue = { key, role: 'member', uses: 1, expiresMs: 9e12 } as const;
const start = (boot: number, nonce: string) =>
  ({ boot, bootNonce: nonceOf(nonce), name: 'n', addresses: [], levels: [1, 1] }) as Parameters<
    typeof reduceBoot
  >[1];

/** What is refused, how it is tried, with which code, and what comes before. */
type Row = readonly [string, (m: TestMesh) => Outcome, string, ((m: TestMesh) => void)?];

const rows: readonly Row[] = [
  [
    'an invite of a member',
    (m) => reduceIssue(m.state, issue, m.by(MEMBER)),
    'ERR_MEMBERSHIP_FORBIDDEN',
  ],
  [
    'an invite of a curator',
    (m) => reduceIssue(m.state, issue, m.by(CURATOR)),
    'ERR_MEMBERSHIP_FORBIDDEN',
  ],
  [
    'an invite of a stranger',
    (m) => reduceIssue(m.state, issue, m.by(STRANGER)),
    'ERR_MEMBERSHIP_NOT_MEMBER',
  ],
  [
    'a revocation by a member',
    (m) => reduceRevoke(m.state, { key }, m.by(MEMBER)),
    'ERR_MEMBERSHIP_FORBIDDEN',
  ],
  [
    'a revocation by a stranger',
    (m) => reduceRevoke(m.state, { key }, m.by(STRANGER)),
    'ERR_MEMBERSHIP_NOT_MEMBER',
  ],
  [
    'a revocation of nothing',
    (m) => reduceRevoke(m.state, { key }, m.by(ADMIN)),
    'ERR_MEMBERSHIP_INVITE_UNKNOWN',
  ],
  [
    'a removal by a member',
    (m) => reduceRemove(m.state, { peer: CURATOR }, m.by(MEMBER)),
    'ERR_MEMBERSHIP_FORBIDDEN',
  ],
  [
    'a removal by a stranger',
    (m) => reduceRemove(m.state, { peer: MEMBER }, m.by(STRANGER)),
    'ERR_MEMBERSHIP_NOT_MEMBER',
  ],
  [
    'a stranger that leaves',
    (m) => reduceRemove(m.state, { peer: STRANGER }, m.by(STRANGER)),
    'ERR_MEMBERSHIP_NOT_MEMBER',
  ],
  [
    'a removal of a stranger',
    (m) => reduceRemove(m.state, { peer: STRANGER }, m.by(ADMIN)),
    'ERR_MEMBERSHIP_UNKNOWN_PEER',
  ],
  [
    'a removal of the last admin',
    (m) => reduceRemove(m.state, { peer: ADMIN }, m.by(ADMIN)),
    'ERR_MEMBERSHIP_LAST_ADMIN',
  ],
  [
    'a removal of a voter of one',
    (m) => reduceRemove(m.state, { peer: ADMIN }, m.by(CURATOR)),
    'ERR_MEMBERSHIP_LAST_VOTER',
    (m) => {
      m.put(CURATOR, 'admin');
    },
  ],
  [
    'a removal of a second of three voters, while the first has its seat still',
    (m) => reduceRemove(m.state, { peer: CURATOR }, m.by(ADMIN)),
    'ERR_MEMBERSHIP_LAST_VOTER',
    (m) => {
      m.seat(ADMIN, CURATOR, MEMBER);
      expect(codeOf(reduceRemove(m.state, { peer: MEMBER }, m.by(ADMIN)))).toBe('ok');
    },
  ],
  [
    'a removal of a third of five voters, while the others have their seats still',
    (m) => reduceRemove(m.state, { peer: CURATOR }, m.by(ADMIN)),
    'ERR_MEMBERSHIP_LAST_VOTER',
    (m) => {
      const others = [peerOf(21), peerOf(22)];
      for (const peer of others) m.put(peer, 'member');
      m.seat(ADMIN, CURATOR, MEMBER, ...others);
      for (const peer of others) {
        expect(codeOf(reduceRemove(m.state, { peer }, m.by(ADMIN)))).toBe('ok');
      }
    },
  ],
  [
    'a removal of the last admin but a removed one',
    (m) => reduceRemove(m.state, { peer: ADMIN }, m.by(ADMIN)),
    'ERR_MEMBERSHIP_LAST_ADMIN',
    (m) => {
      m.put(CURATOR, 'admin', { removedIndex: 5 });
    },
  ],
  [
    'a command of a removed admin',
    (m) => reduceIssue(m.state, issue, m.by(CURATOR)),
    'ERR_MEMBERSHIP_NOT_MEMBER',
    (m) => {
      m.put(CURATOR, 'admin', { removedIndex: 5 });
    },
  ],
  [
    'a second removal',
    (m) => reduceRemove(m.state, { peer: MEMBER }, m.by(ADMIN)),
    'ERR_MEMBERSHIP_UNKNOWN_PEER',
    (m) => {
      reduceRemove(m.state, { peer: MEMBER }, m.by(ADMIN));
    },
  ],
  [
    'a role by a member',
    (m) => reduceRole(m.state, { peer: MEMBER, role: 'admin' }, m.by(MEMBER)),
    'ERR_MEMBERSHIP_FORBIDDEN',
  ],
  [
    'a role of a stranger',
    (m) => reduceRole(m.state, { peer: STRANGER, role: 'admin' }, m.by(ADMIN)),
    'ERR_MEMBERSHIP_UNKNOWN_PEER',
  ],
  [
    'a lowering of the last admin',
    (m) => reduceRole(m.state, { peer: ADMIN, role: 'curator' }, m.by(ADMIN)),
    'ERR_MEMBERSHIP_LAST_ADMIN',
  ],
  [
    'a start of a stranger',
    (m) => reduceBoot(m.state, start(1, 'a'), m.by(STRANGER)),
    'ERR_MEMBERSHIP_NOT_MEMBER',
  ],
  [
    'an earlier start',
    (m) => reduceBoot(m.state, start(4, 'b'), m.by(MEMBER)),
    'ERR_MEMBERSHIP_CLONE',
    (m) => {
      reduceBoot(m.state, start(5, 'a'), m.by(MEMBER));
    },
  ],
  [
    'settings of a curator',
    (m) => reduceSettings(m.state, { name: 'x' }, m.by(CURATOR)),
    'ERR_MEMBERSHIP_FORBIDDEN',
  ],
  [
    'a level that a member lacks',
    (m) => reduceSettings(m.state, { level: 2 }, m.by(ADMIN)),
    'ERR_SLURP_LEVEL',
  ],
  [
    'a lower level',
    (m) => reduceSettings(m.state, { level: 2 }, m.by(ADMIN)),
    'ERR_SLURP_LEVEL',
    (m) => {
      for (const peer of [ADMIN, CURATOR, MEMBER]) m.put(peer, 'admin', { levels: [1, 9] });
      reduceSettings(m.state, { level: 3 }, m.by(ADMIN));
    },
  ],
  [
    'a second genesis',
    (m) => reduceGenesis(m.state, GENESIS, { ...m.by(ADMIN), index: 1 }),
    'ERR_SLURP_COMMAND',
  ],
];

const GENESIS = {
  name: 'home',
  memberName: 'first',
  addresses: [],
  recovery: new Uint8Array(32).fill(3),
  nonce: new Uint8Array(16).fill(4),
  levels: [1, 1] as [number, number],
};

describe('the reducers of membership', () => {
  for (const [what, run, code, prepare] of rows) {
    it(`refuse ${what}, and leave the state alone`, () => {
      const mesh = new TestMesh();
      prepare?.(mesh);
      const before = mesh.dump();
      expect(codeOf(run(mesh))).toBe(code);
      expect(mesh.dump()).toBe(before);
    });
  }

  it('refuse an invite key that was used before', () => {
    const mesh = new TestMesh();
    expect(codeOf(reduceIssue(mesh.state, issue, mesh.by(ADMIN)))).toBe('ok');
    mesh.add(STRANGER, 60);
    const again = reduceIssue(mesh.state, { ...issue, uses: 5 }, mesh.by(ADMIN));
    expect(codeOf(again)).toBe('ERR_SLURP_COMMAND');
    expect(mesh.invite(60).usesLeft).toBe(0);
  });

  it('forget invites thirty days after their end, and no others', () => {
    const mesh = new TestMesh();
    const expiresMs = mesh.timeMs + 1_000;
    for (const number of [60, 61]) mesh.issue(number, { expiresMs, uses: 2 });
    mesh.issue(62, { expiresMs: expiresMs + 1 });
    expect(codeOf(mesh.add(STRANGER, 60))).toBe('ok');
    mesh.timeMs = expiresMs + LIMITS.inviteEndedMs - 1;
    mesh.issue(63);
    expect(mesh.state.size('invite')).toBe(4);
    expect(codeOf(mesh.add(peerOf(9), 61))).toBe('ERR_MEMBERSHIP_INVITE_EXPIRED');
    mesh.timeMs += 1;
    reduceIssue(mesh.state, issue, mesh.by(CURATOR));
    expect(mesh.state.size('invite')).toBe(4);
    mesh.issue(64);
    expect([60, 61, 62, 63, 64].map((number) => mesh.invite(number) !== undefined)).toEqual([
      ...[false, false],
      ...[true, true, true],
    ]);
    expect(codeOf(mesh.add(peerOf(9), 61))).toBe('ERR_MEMBERSHIP_INVITE_UNKNOWN');
    // Who came in by one of them is in, also when it asks once more.
    expect(codeOf(mesh.add(STRANGER, 60))).toBe('ok');
  });

  it('make a mesh with its maker as admin and voter', () => {
    const meshId = meshIdOf(nodeCrypto.sha256, { body: GENESIS, peer: ADMIN });
    const context = { ...new TestMesh().by(ADMIN), index: 1, meshId };
    const apply = (changes: Partial<typeof context>, body = GENESIS) => {
      const state = new StateOverlay(new MeshState());
      return { state, outcome: reduceGenesis(state, body, { ...context, ...changes }) };
    };
    const { state, outcome } = apply({});
    expect(outcome.ok).toBe(true);
    expect(state.get('mesh', 'mesh')).toMatchObject({ id: meshId, level: 1, voters: [ADMIN] });
    expect(memberOf(state, ADMIN)).toMatchObject({ role: 'admin', addedIndex: 1, invite: null });
    expect(codeOf(apply({ index: 2 }).outcome)).toBe('ERR_SLURP_COMMAND');
    expect(codeOf(apply({ origin: STRANGER }).outcome)).toBe('ERR_SLURP_COMMAND');
    expect(codeOf(apply({}, { ...GENESIS, name: 'other' }).outcome)).toBe('ERR_SLURP_COMMAND');
    const recovery = new Uint8Array(32).fill(9);
    expect(codeOf(apply({}, { ...GENESIS, recovery }).outcome)).toBe('ERR_SLURP_COMMAND');
  });

  it('revoke the invites of whoever is removed, and no others', () => {
    const mesh = new TestMesh();
    mesh.put(CURATOR, 'admin');
    reduceIssue(mesh.state, issue, mesh.by(CURATOR));
    mesh.issue(61);
    expect(codeOf(reduceRemove(mesh.state, { peer: CURATOR }, mesh.by(ADMIN)))).toBe('ok');
    expect([mesh.invite(60).isRevoked, mesh.invite(61).isRevoked]).toEqual([true, false]);
    expect(codeOf(mesh.add(STRANGER, 60))).toBe('ERR_MEMBERSHIP_INVITE_UNKNOWN');
    expect(codeOf(mesh.add(STRANGER, 61))).toBe('ok');
  });

  it('revoke the invites of an admin that is lowered: it may make no more admins', () => {
    const mesh = new TestMesh();
    mesh.put(CURATOR, 'admin');
    reduceIssue(mesh.state, { ...issue, role: 'admin', uses: 9 }, mesh.by(CURATOR));
    reduceRole(mesh.state, { peer: CURATOR, role: 'admin' }, mesh.by(ADMIN));
    expect(mesh.invite(60).isRevoked).toBe(false);
    expect(codeOf(reduceRole(mesh.state, { peer: CURATOR, role: 'curator' }, mesh.by(ADMIN)))).toBe(
      'ok',
    );
    expect(mesh.member(CURATOR).role).toBe('curator');
    expect(codeOf(mesh.add(STRANGER, 60))).toBe('ERR_MEMBERSHIP_INVITE_UNKNOWN');
  });

  it('make an admin on the word of the operator, of a member that is none, once', () => {
    const mesh = new TestMesh();
    const made = makeAdmin(mesh.state, CURATOR, mesh.by(CURATOR));
    expect(made).toEqual([
      expect.objectContaining({
        type: 'member:role',
        data: expect.objectContaining({ peer: CURATOR, role: 'admin' }),
      }),
    ]);
    expect(mesh.member(CURATOR).role).toBe('admin');
    expect(makeAdmin(mesh.state, CURATOR, mesh.by(CURATOR))).toEqual([]);
    expect(makeAdmin(mesh.state, STRANGER, mesh.by(STRANGER))).toEqual([]);
    expect(memberOf(mesh.state, STRANGER)).toBeUndefined();
  });

  it('let a member leave, and tell it from a removal', () => {
    const mesh = new TestMesh();
    const left = reduceRemove(mesh.state, { peer: MEMBER }, mesh.by(MEMBER));
    expect(left).toMatchObject({ ok: true, events: [{ type: 'member:leave' }] });
    expect(mesh.member(MEMBER).removedIndex).toBe(mesh.index);
    const removed = reduceRemove(mesh.state, { peer: CURATOR }, mesh.by(ADMIN));
    expect(removed).toMatchObject({ ok: true, events: [{ type: 'member:remove' }] });
    expect(memberOf(mesh.state, CURATOR)).toBeUndefined();
  });

  it('let an admin go once there is another', () => {
    const mesh = new TestMesh();
    expect(codeOf(reduceRole(mesh.state, { peer: MEMBER, role: 'admin' }, mesh.by(ADMIN)))).toBe(
      'ok',
    );
    expect(codeOf(reduceRole(mesh.state, { peer: ADMIN, role: 'member' }, mesh.by(MEMBER)))).toBe(
      'ok',
    );
    expect(codeOf(reduceIssue(mesh.state, issue, mesh.by(ADMIN)))).toBe('ERR_MEMBERSHIP_FORBIDDEN');
  });

  it('mark two starts with one number as clones, until a later start', () => {
    const mesh = new TestMesh();
    expect(reduceBoot(mesh.state, start(1, 'a'), mesh.by(MEMBER))).toMatchObject({
      ok: true,
      events: [{ type: 'member:boot' }],
    });
    expect(reduceBoot(mesh.state, start(1, 'a'), mesh.by(MEMBER))).toEqual({ ok: true });
    expect(mesh.member(MEMBER).isCloned).toBe(false);
    expect(reduceBoot(mesh.state, start(1, 'b'), mesh.by(MEMBER))).toMatchObject({
      ok: true,
      events: [{ type: 'member:clone', data: { peer: MEMBER } }],
    });
    expect(mesh.member(MEMBER)).toMatchObject({ isCloned: true, bootNonce: nonceOf('a') });
    reduceBoot(mesh.state, start(1, 'a'), mesh.by(MEMBER));
    expect(mesh.member(MEMBER).isCloned).toBe(true);
    reduceBoot(mesh.state, start(2, 'b'), mesh.by(MEMBER));
    expect(mesh.member(MEMBER)).toMatchObject({
      isCloned: false,
      boot: 2,
      bootNonce: nonceOf('b'),
    });
  });

  it('take no more of a start than what it may say', () => {
    const mesh = new TestMesh();
    reduceBoot(mesh.state, start(1, 'a'), mesh.by(MEMBER));
    expect(mesh.member(MEMBER)).toMatchObject({ role: 'member', addedIndex: 1, name: 'n' });
  });

  it('raise the level when every member supports it, removed ones aside', () => {
    const mesh = new TestMesh();
    mesh.put(ADMIN, 'admin', { levels: [1, 3] });
    mesh.put(CURATOR, 'curator', { levels: [1, 2] });
    mesh.put(MEMBER, 'member', { levels: [1, 1], removedIndex: 7 });
    expect(codeOf(reduceSettings(mesh.state, { level: 3 }, mesh.by(ADMIN)))).toBe(
      'ERR_SLURP_LEVEL',
    );
    expect(codeOf(reduceSettings(mesh.state, { level: 2 }, mesh.by(ADMIN)))).toBe('ok');
    expect(mesh.mesh().level).toBe(2);
  });

  it('keep what settings do not name, and let no odd member block them', () => {
    const mesh = new TestMesh();
    mesh.put(MEMBER, 'member', { levels: [7, 9] });
    expect(codeOf(reduceSettings(mesh.state, { name: 'new' }, mesh.by(ADMIN)))).toBe('ok');
    expect(codeOf(reduceSettings(mesh.state, { votersTarget: 3 }, mesh.by(ADMIN)))).toBe('ok');
    expect(mesh.mesh()).toMatchObject({ name: 'new', votersTarget: 3, level: 1 });
  });

  it('know no member by the name of a prototype', () => {
    const mesh = new TestMesh();
    for (const name of ['__proto__', 'constructor', 'toString']) {
      expect(memberOf(mesh.state, name)).toBeUndefined();
    }
    expect(memberOf(mesh.state, peerOf(77))).toBeUndefined();
  });
});
