import type { CallRow } from '../../../../daemon/api/routes/index.ts';
import type { ApiServices, WriteWait } from '../../../../daemon/api/services.ts';

/** The id of the call that the services know. */
export const CALL_ID = `bafyrei${'c'.repeat(52)}`;

const PEER = '12D3KooWAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA1';
const TIME = '2026-11-21T12:00:00.000Z';
const address = `ucxl://any:human@COOEE:help/#/call/${CALL_ID}`;

export const call = (change: Partial<CallRow> = {}): CallRow => ({
  id: CALL_ID,
  address,
  asker: { peer: PEER, agent: '458RV' },
  question: 'May I?',
  options: ['yes', 'no'],
  severity: 'blocked',
  state: 'open',
  deadline: '2026-11-21T12:10:00.000Z',
  onTimeout: 'wait',
  escalations: 0,
  openedAt: TIME,
  index: 8,
  ...change,
});

const write = ({ committed }: WriteWait) => ({
  ...{ id: CALL_ID, address },
  ...(committed ? { state: 'committed' as const, index: 9 } : { state: 'accepted' as const }),
});

/** Services about calls that remember what they were asked. */
export function fakeCalls(note: (name: string, ...args: readonly unknown[]) => void) {
  return {
    openCall: async (input, wait, caller) => {
      note('openCall', input, wait, caller);
      return write(wait);
    },
    listCalls: (query) => {
      note('listCalls', query);
      return { calls: [call()], cursor: null };
    },
    getCall: (id) => {
      note('getCall', id);
      return { ...call({ id, state: 'claimed', fence: 1 }), context: 'It is late.' };
    },
    claimCall: async (id, body, wait) => {
      note('claimCall', id, body, wait);
      return { ...write(wait), fence: 1, claimedUntil: TIME };
    },
    releaseCall: async (id, body, wait) => {
      note('releaseCall', id, body, wait);
      return write(wait);
    },
    answerCall: async (id, body, wait) => {
      note('answerCall', id, body, wait);
      return write(wait);
    },
    withdrawCall: async (id, wait, caller) => {
      note('withdrawCall', id, wait, caller);
      return write(wait);
    },
  } satisfies Partial<ApiServices>;
}
