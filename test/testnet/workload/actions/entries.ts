import { isCooeeError } from '../../../../protocols/interface/index.ts';
import type { Entry } from '../board.ts';
import type { Outcome } from '../recorder.ts';
import { type Acting, attempt, committed, fresh } from './client.ts';

/** How a submission is read. */
export type ReadBy = 'id' | 'address';

/** Hands in a record that nobody has handed in before. */
export async function submitNew(acting: Acting, isAwaited: boolean): Promise<void> {
  const { board, link, name, tag } = acting;
  acting.made += 1;
  const key = `ucxl://any:any@${tag}:load/#/${name}/${acting.made}`;
  const entry: Entry = { kind: 'submission', key, node: link.node.name, isCommitted: false };
  board.entries.push(entry);
  await submit(acting, entry, isAwaited);
}

/** Hands in a record: again, on the same node, it is the same submission. */
export async function submit(acting: Acting, entry: Entry, isAwaited = true): Promise<void> {
  const { key } = entry;
  const query = isAwaited ? committed(acting) : {};
  // The same content, to the byte.
  const body = { kind: 'dr', address: key, title: key, decision: 'd'.repeat(200) } as const;
  const { ok, answer } = await attempt(acting, {
    ...{ op: 'submit', key, kind: 'write', input: { isAwaited } },
    task: () => acting.link.client.call('submit', { query, body }),
    read: ({ id, state, index }) => entered({ id, state, value: index }),
  });
  if (answer !== undefined) entry.id = answer.id;
  if (ok === true) entry.isCommitted = true;
}

/** Enrols an agent that nobody has enrolled before. */
export async function enrolNew(acting: Acting): Promise<void> {
  const { board, link, name, tag } = acting;
  acting.made += 1;
  const key = `${tag}-${name}-${acting.made}`.replaceAll('/', '-').toLowerCase();
  const entry: Entry = { kind: 'agent', key, node: link.node.name, isCommitted: false };
  board.entries.push(entry);
  await enrol(acting, entry);
}

/** Enrols an agent: the same again is the same agent. */
export async function enrol(acting: Acting, entry: Entry): Promise<void> {
  const { key } = entry;
  const { ok, answer } = await attempt(acting, {
    ...{ op: 'enrol', key, kind: 'write', input: {} },
    task: () =>
      acting.link.client.call('enrolAgents', { query: committed(acting), body: { model: key } }),
    read: ({ id, state, token }) => entered({ id, state, value: token }),
  });
  if (answer?.token !== undefined) entry.id = answer.token;
  if (ok === true) entry.isCommitted = true;
}

/** Reads a submission; its value is its index. */
export async function readSubmission(
  acting: Acting,
  entry: Entry,
  { isPlain, by }: { readonly isPlain: boolean; readonly by: ReadBy },
): Promise<void> {
  const { client } = acting.link;
  const { id = '', key } = entry;
  const query = fresh(isPlain);
  const byId = async (): Promise<number | undefined> => {
    const { state, index } = await client.call('getSubmission', { params: { id }, query });
    return state === 'committed' || state === 'decided' ? index : undefined;
  };
  const byAddress = async (): Promise<number | undefined> =>
    (await client.call('getRecord', { query: { address: key, ...query } })).index;
  await attempt(acting, {
    ...{ op: isPlain ? 'submission.read.plain' : 'submission.read', key, kind: 'read' },
    input: { by },
    task: () => orNothing(by === 'id' ? byId() : byAddress()),
    read: (index) => ({ ok: true, output: { value: index ?? null } }),
  });
}

/** Reads an agent by its model; its value is its token. */
export async function readAgent(acting: Acting, entry: Entry, isPlain: boolean): Promise<void> {
  const { key } = entry;
  const query = { model: key, limit: 1_000, ...fresh(isPlain) };
  await attempt(acting, {
    ...{ op: isPlain ? 'agent.read.plain' : 'agent.read', key, kind: 'read', input: {} },
    task: () => acting.link.client.call('listAgents', { query }),
    read: ({ agents }) => {
      const value = agents.find(({ model }) => model === key)?.token ?? null;
      return { ok: true, output: { value } };
    },
  });
}

/** What is only accepted takes effect later. */
function entered(answer: {
  readonly id: string;
  readonly state: string;
  readonly value: string | number | undefined;
}): Outcome {
  const { id, state, value } = answer;
  return state === 'committed'
    ? { ok: true, output: { id, value: value ?? null } }
    : { ok: null, output: { id, state: 'accepted' } };
}

/** That it is not there is an answer, too. */
async function orNothing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isCooeeError(error, 'ERR_API_NOT_FOUND')) return undefined;
    throw error;
  }
}
