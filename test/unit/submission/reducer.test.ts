import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Actor,
  type AgentRecord,
  type MemberRecord,
  submittedKey,
} from '../../../protocols/interface/index.ts';
import { MeshState, StateOverlay } from '../../../protocols/slurp/index.ts';
import {
  commitBody,
  drInput,
  encodeContent,
  reduceCommit,
  submissionId,
  versionAt,
} from '../../../protocols/submission/index.ts';
import { crypto, founder, MESH, second } from '../slurp/mesh-world.ts';

// Goal: what a member hands in stands in the register once, with its place in the order of the mesh
// and at its address.

const ADDRESS = 'ucxl://any:architect@shop:checkout/#/decisions/1';

const member = (peer: string, removedIndex: number | null = null): MemberRecord => ({
  peer,
  name: 'host',
  role: 'member',
  addresses: [],
  addedIndex: 1,
  invite: null,
  removedIndex,
  boot: 1,
  bootNonce: '',
  isCloned: false,
  levels: [1, 1],
});

const agent = (token: string, peer: string, retiredIndex: number | null = null) =>
  ({ token, peer, retiredIndex }) as AgentRecord;

const content = (decision: string, address = ADDRESS): Uint8Array =>
  encodeContent(drInput.parse({ kind: 'dr', address, title: `On ${decision}`, decision }));

let state: MeshState;
let index: number;

beforeEach(() => {
  state = new MeshState();
  index = 10;
  state.merge([
    { table: 'member', key: founder.peer, value: member(founder.peer) },
    { table: 'member', key: second.peer, value: member(second.peer) },
  ]);
});

function commit(bytes: Uint8Array, actor: Actor = { peer: founder.peer }) {
  const overlay = new StateOverlay(state);
  index++;
  const outcome = reduceCommit(overlay, commitBody.parse({ content: bytes }), {
    index,
    term: 1,
    timeMs: 1_000 * index,
    commandMs: 7,
    actor,
    origin: actor.peer,
    commandId: `c${index}`,
    meshId: MESH,
    crypto,
  });
  if (outcome.ok) state.merge(overlay.changes());
  return outcome;
}

const idOf = (bytes: Uint8Array, peer = founder.peer) =>
  submissionId(crypto.sha256, { peer }, bytes);

describe('submission.commit', () => {
  it('puts a submission into the register, with its content and its place', () => {
    const bytes = content('one');
    const id = idOf(bytes);
    const author = { peer: founder.peer };
    const named = { kind: 'dr', address: ADDRESS, title: 'On one', author };
    expect(commit(bytes)).toEqual({
      ok: true,
      value: { id, index: 11, isNew: true },
      events: [{ type: 'submission:commit', address: ADDRESS, data: { id, ...named, version: 1 } }],
    });
    const placed = { index: 11, timeMs: 11_000, acceptedMs: 7, version: 1 };
    expect(state.get('submission', id)).toEqual({ ...named, ...placed });
    expect(state.get('content', id)).toEqual(bytes);
    expect(state.get('submitted', submittedKey(1))).toBe(id);
    expect(versionAt(state, ADDRESS, 1)).toBe(id);
  });

  it('takes the same again as the same, and says where it was first', () => {
    const bytes = content('one');
    commit(bytes);
    expect(commit(bytes.slice())).toEqual({
      ok: true,
      value: { id: idOf(bytes), index: 11, isNew: false },
    });
    expect(state.get('cursor', 'submissions')).toBe(1);
    expect(state.get('addressed', ADDRESS)?.versions).toBe(1);
  });

  it('takes the same of another author as another', () => {
    commit(content('one'));
    expect(commit(content('one'), { peer: second.peer })).toMatchObject({
      ok: true,
      value: { id: idOf(content('one'), second.peer), isNew: true },
    });
    expect(state.get('addressed', ADDRESS)?.versions).toBe(2);
  });

  it('numbers the versions of each address in the order of the log', () => {
    const other = `${ADDRESS}/notes`;
    commit(content('one'));
    commit(content('two', other));
    commit(content('three'));
    const at = (address: string, n: number) => versionAt(state, address, n);
    expect([at(ADDRESS, 1), at(ADDRESS, 2), at(ADDRESS, 3)]).toEqual([
      idOf(content('one')),
      idOf(content('three')),
      undefined,
    ]);
    expect(at(other, 1)).toBe(idOf(content('two', other)));
    expect(state.get('submitted', submittedKey(2))).toBe(idOf(content('two', other)));
    expect(state.get('cursor', 'submissions')).toBe(3);
  });

  it('is refused from who is no member, or is one no more', () => {
    state.merge([{ table: 'member', key: founder.peer, value: member(founder.peer, 5) }]);
    expect(commit(content('one'))).toMatchObject({ code: 'ERR_MEMBERSHIP_REMOVED' });
    expect(commit(content('one'), { peer: 'stranger' })).toMatchObject({
      code: 'ERR_MEMBERSHIP_NOT_MEMBER',
    });
    expect(state.get('cursor', 'submissions')).toBeUndefined();
  });

  it('has an agent of that node as its author, and no other', () => {
    state.merge([
      { table: 'agent', key: '458RV', value: agent('458RV', founder.peer) },
      { table: 'agent', key: '4001Y', value: agent('4001Y', second.peer) },
      { table: 'agent', key: '7ZZY5', value: agent('7ZZY5', founder.peer, 9) },
    ]);
    const by = (token: string) => commit(content('one'), { peer: founder.peer, agent: token });
    const author = { peer: founder.peer, agent: '458RV' };
    const id = submissionId(crypto.sha256, author, content('one'));
    expect(by('458RV')).toMatchObject({ ok: true, value: { id } });
    expect(state.get('submission', id)?.author).toEqual(author);
    for (const token of ['4001Y', '7ZZY5', '0000W']) {
      expect(by(token)).toMatchObject({ code: 'ERR_MEMBERSHIP_FORBIDDEN' });
    }
  });
});
