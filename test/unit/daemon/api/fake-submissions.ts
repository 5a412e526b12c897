import type { SubmissionRow } from '../../../../daemon/api/routes/index.ts';
import type { ApiServices } from '../../../../daemon/api/services.ts';

const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
const TIME = '2026-01-02T03:04:05.678Z';
const ADDRESS = 'ucxl://any:architect@shop:checkout/#/decisions/1';

export const submission = (id = 'bafyreia'): SubmissionRow => ({
  id,
  kind: 'dr',
  address: ADDRESS,
  title: 'Use a queue',
  author: { peer: PEER },
  state: 'committed',
  acceptedAt: TIME,
  committedAt: TIME,
  index: 8,
  version: 1,
});

const EMPTY_DR = {
  kind: 'dr' as const,
  status: 'proposed' as const,
  context: '',
  options: [],
  decision: '',
  rationale: '',
  consequences: [],
  links: [],
};

type Note = (name: string, ...args: readonly unknown[]) => void;

/** The services about submissions: they remember their calls and answer something plausible. */
export function fakeSubmissions(note: Note) {
  return {
    submit: async (content, wait) => {
      note('submit', content, wait);
      const { address } = content;
      return wait.committed
        ? { id: 'bafyreia', address, state: 'committed', index: 8 }
        : { id: 'bafyreia', address, state: 'accepted' };
    },
    listSubmissions: (query) => {
      note('listSubmissions', query);
      return { submissions: [submission()], cursor: null };
    },
    getSubmission: async (id) => {
      note('getSubmission', id);
      const { address, title } = submission();
      return { ...submission(id), content: { ...EMPTY_DR, address, title }, links: [] };
    },
    getPatch: async (id) => {
      note('getPatch', id);
      return { id, cid: `bafyrei${'a'.repeat(52)}`, bytes: 4, patch: '+1\n' };
    },
    decideSubmission: async (id, decision, wait) => {
      note('decideSubmission', id, decision, wait);
      if (!wait.committed) return { id, state: 'accepted' };
      const { as, why } = decision;
      const said = { as, why, at: TIME, index: 9, by: { peer: PEER }, version: 1 };
      return { id, state: 'committed', index: 9, decision: said };
    },
  } satisfies Partial<ApiServices>;
}
