import type { ApiServices } from '../../../../daemon/api/services.ts';

/** The services about the log; they note their calls. */
export function fakeLog(note: (name: string, ...args: readonly unknown[]) => void) {
  return {
    readLog: async (query) => {
      note('readLog', query);
      return { entries: [], next: null, firstIndex: 1, lastIndex: 7 };
    },
    proof: async (index, anchor) => {
      note('proof', index, anchor);
      const proof = { v: 1, kind: 'cooee-proof', mesh: 'bafy', index } as const;
      return { ...proof, entry: 'AA==', path: [], head: 'AA==', links: [] };
    },
    verifyLog: async (soFar) => {
      note('verifyLog', soFar ?? null);
      return { verified: { from: 1, size: 7, peaks: [] }, done: true };
    },
  } satisfies Partial<ApiServices>;
}
