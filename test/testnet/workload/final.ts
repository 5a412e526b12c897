import type { Acting } from './actions/client.ts';
import { fresh } from './actions/client.ts';

const PAGE_ROWS = 500;

type Rows = readonly Readonly<Record<string, unknown>>[];

interface Page {
  readonly rows: Rows;
  readonly cursor: string | null;
}

/** Where a page begins. */
interface From {
  readonly limit: number;
  readonly cursor?: string;
}

/**
 * Reads all submissions, calls and agents of this workload that a node has, and records them page
 * by page.
 */
export async function readLists(acting: Acting): Promise<true> {
  const { recorder, link } = acting;
  const lists = { submissions: submissionsOf, calls: callsOf, agents: agentsOf };
  const found: { list: string; page: number; output: unknown }[] = [];
  for (const [list, read] of Object.entries(lists)) {
    let cursor: string | null = null;
    let page = 0;
    do {
      const from: From = cursor === null ? { limit: PAGE_ROWS } : { limit: PAGE_ROWS, cursor };
      const got: Page = await read(acting, from);
      ({ cursor } = got);
      found.push({ list, page, output: { rows: got.rows, isLast: cursor === null } });
      page += 1;
    } while (cursor !== null);
  }
  // Recorded when all of it is there: a reading that broke off is begun anew.
  for (const { list, page, output } of found) {
    recorder.final(link.node.name, { list, page }, output);
  }
  return true;
}

async function submissionsOf({ link, tag }: Acting, from: From): Promise<Page> {
  const query = { ...from, ...fresh(false) };
  const { submissions, cursor } = await link.client.call('listSubmissions', { query });
  const mine = submissions.filter(({ address }) => address.startsWith(`ucxl://any:any@${tag}:`));
  const rows = mine.map(({ id, address, state, index, version }) => ({
    ...{ id, address, state, index, version },
  }));
  return { rows, cursor };
}

async function callsOf({ link, tag }: Acting, from: From): Promise<Page> {
  const query = { ...from, ...fresh(false) };
  const { calls, cursor } = await link.client.call('listCalls', { query });
  const mine = calls.filter(({ question }) => question.startsWith(`${tag} `));
  const rows = mine.map(({ id, question, state, index, fence, answer, answeredBy }) => ({
    ...{ id, question, state, index, fence: fence ?? 0, text: answer ?? null },
    by: answeredBy?.human ?? null,
  }));
  return { rows, cursor };
}

async function agentsOf({ link, tag }: Acting, from: From): Promise<Page> {
  const query = { ...from, ...fresh(false) };
  const { agents, cursor } = await link.client.call('listAgents', { query });
  const mine = agents.filter(({ model }) => model.startsWith(`${tag}-`.toLowerCase()));
  const rows = mine.map(({ token, model, hostname, hash }) => ({ token, model, hostname, hash }));
  return { rows, cursor };
}
