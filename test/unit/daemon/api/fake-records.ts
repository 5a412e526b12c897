import type { ApiServices } from '../../../../daemon/api/services.ts';

const VERSION = { version: 2, index: 7, time: '2026-01-02T03:04:05.678Z', cause: 'member:role' };
const ADDRESS = 'ucxl://any:admin@COOEE:mesh/#/member/12D3KooW';

/** The services about what has an address; they note their calls. */
export function fakeRecords(note: (name: string, ...args: readonly unknown[]) => void) {
  return {
    getRecord: async (address) => {
      note('getRecord', address);
      return {
        address: ADDRESS,
        kind: 'member',
        ...VERSION,
        versions: 2,
        value: { role: 'admin' },
      };
    },
    getHistory: async (query) => {
      note('getHistory', query);
      return { address: ADDRESS, versions: [{ ...VERSION, value: {} }], cursor: null };
    },
  } satisfies Partial<ApiServices>;
}
