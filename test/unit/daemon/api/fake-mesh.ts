import type { WriteView } from '../../../../daemon/api/routes/index.ts';
import type { ApiServices } from '../../../../daemon/api/services.ts';

const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
const TIME = '2026-01-02T03:04:05.678Z';
const INVITE_ID = '0a'.repeat(32);

const write = (id: string, committed: boolean): WriteView =>
  committed ? { id, state: 'committed', index: 8 } : { id, state: 'accepted' };

/** The services about the mesh and its leader, as {@link fakeServices} has them. */
export function fakeMesh(note: (name: string, ...args: readonly unknown[]) => void) {
  return {
    readIndex: async () => {
      note('readIndex');
      return 7;
    },
    transferLeader: async (to) => {
      note('transferLeader', to ?? null);
      return { peer: PEER, term: 2, recipient: 'age1xyz' };
    },
    stageBackup: async () => {
      note('stageBackup');
      return { folder: '/h/staging/1', skipped: ['link'] };
    },
    issueInvite: async (input) => {
      note('issueInvite', input);
      return { id: INVITE_ID, invite: 'cooee1abc', expiresAt: TIME, uses: input.uses };
    },
    listInvites: () => [
      {
        ...{ id: INVITE_ID, role: 'member', usesLeft: 2, expiresAt: TIME },
        issuer: { peer: PEER, name: 'a' },
        joined: [],
      },
    ],
    revokeInvite: async (id, wait) => {
      note('revokeInvite', id, wait);
      return write('c3', wait.committed);
    },
    join: async (invite) => {
      note('join', invite);
      return { mesh: 'bafy', peer: PEER };
    },
    recover: async (input) => {
      note('recover', input);
      return {
        ...{ epoch: 1, id: 'ab', index: 7, term: 3, voters: [PEER] },
        ...{ away: [], reachable: [], lostIndex: null },
      };
    },
    leave: async () => {
      note('leave');
      return { mesh: 'bafy', peer: PEER };
    },
    setRole: async (peer, role, wait) => {
      note('setRole', peer, role, wait);
      return write('c1', wait.committed);
    },
    removeMember: async (peer, wait) => {
      note('removeMember', peer, wait);
      return write('c2', wait.committed);
    },
    setMesh: async (change, wait) => {
      note('setMesh', change, wait);
      return write('c5', wait.committed);
    },
  } satisfies Partial<ApiServices>;
}
