import { describe, expect, it } from 'vitest';
import { type RevisionRecord, revisionAt } from '../../../protocols/interface/index.ts';
import { reduceBoot, reduceRemove, reduceRole } from '../../../protocols/membership/index.ts';
import { memberAddress } from '../../../protocols/ucxl/index.ts';
import { ADMIN, CURATOR, MEMBER, nonceOf, STRANGER, TestMesh } from './mesh-fixture.ts';

// Goal: the versions of a member say what became of it: joining, roles, leaving, coming back; not
// its starts.

const INVITE = 50;

function versionsOf({ state }: TestMesh, peer: string): RevisionRecord[] {
  const address = memberAddress(peer);
  return Array.from({ length: state.get('revised', address) ?? 0 }, (_, n) => {
    const revision = revisionAt(state, address, n + 1);
    if (revision === undefined) throw new Error(`version ${n + 1} is missing`);
    return revision;
  });
}

const causesOf = (mesh: TestMesh, peer: string) => versionsOf(mesh, peer).map(({ cause }) => cause);

describe('the versions of a member', () => {
  it('are one for each change, with the member as it was from then on', () => {
    const mesh = new TestMesh();
    mesh.issue(INVITE);
    mesh.add(STRANGER, INVITE);
    const joined = mesh.index;
    reduceRole(mesh.state, { peer: STRANGER, role: 'curator' }, mesh.by(ADMIN));
    reduceRemove(mesh.state, { peer: STRANGER }, mesh.by(ADMIN));
    expect(versionsOf(mesh, STRANGER)).toMatchObject([
      { index: joined, cause: 'member:join', value: { role: 'member', removedIndex: null } },
      { index: joined + 1, cause: 'member:role', value: { role: 'curator', removedIndex: null } },
      {
        ...{ version: 3, index: joined + 2, timeMs: mesh.timeMs, cause: 'member:remove' },
        value: { role: 'curator', removedIndex: joined + 2 },
      },
    ]);
    mesh.issue(INVITE + 1);
    mesh.add(STRANGER, INVITE + 1);
    expect(causesOf(mesh, STRANGER).at(-1)).toBe('member:join');
    reduceRemove(mesh.state, { peer: STRANGER }, mesh.by(STRANGER));
    expect(causesOf(mesh, STRANGER)).toHaveLength(5);
    expect(causesOf(mesh, STRANGER).at(-1)).toBe('member:leave');
  });

  it('are none for a start, for the same again, and for what is refused', () => {
    const mesh = new TestMesh();
    mesh.issue(INVITE);
    mesh.add(STRANGER, INVITE);
    mesh.add(STRANGER, INVITE);
    const start = (boot: number, nonce: string) => ({
      ...{
        boot,
        bootNonce: nonceOf(nonce),
        name: 'x',
        addresses: [],
        levels: [1, 1] as [number, number],
      },
    });
    for (const boot of [1, 2, 3]) {
      reduceBoot(mesh.state, start(boot, 'a'), mesh.by(STRANGER));
    }
    // A clone.
    reduceBoot(mesh.state, start(3, 'b'), mesh.by(STRANGER));
    const same = reduceRole(mesh.state, { peer: STRANGER, role: 'member' }, mesh.by(ADMIN));
    expect(same).toEqual({ ok: true });
    reduceRole(mesh.state, { peer: STRANGER, role: 'admin' }, mesh.by(MEMBER));
    reduceRemove(mesh.state, { peer: STRANGER }, mesh.by(CURATOR));
    expect(causesOf(mesh, STRANGER)).toEqual(['member:join']);
  });

  it('come with events that have the address', () => {
    const mesh = new TestMesh();
    const outcome = reduceRole(mesh.state, { peer: MEMBER, role: 'curator' }, mesh.by(ADMIN));
    expect(outcome).toMatchObject({
      events: [{ type: 'member:role', address: memberAddress(MEMBER) }],
    });
  });
});
