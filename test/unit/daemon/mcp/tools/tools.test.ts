import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TOOLS } from '../../../../../daemon/mcp/tools/index.ts';
import { CooeeError } from '../../../../../protocols/interface/index.ts';
import { fakeClient, fakeContext } from '../fixture.ts';

// Goal: every tool asks the daemon for what it was told, and nothing else.

const NOTE = 'ucxl://bob@shop:cart/#/note';
const tool = (name: string) => {
  const found = TOOLS.find((it) => it.name === name);
  if (found === undefined) throw new Error(`no tool ${name}`);
  return found;
};
const row = {
  id: 'bafy1',
  kind: 'dr',
  address: NOTE,
  title: 'T',
  author: { peer: 'P', agent: '458RV' },
};
const agent = { token: '458RV', peer: 'P', model: 'm' };
const call = { id: 'bafy2', asker: { peer: 'P' }, question: 'Q', state: 'open' };
const answers = {
  announceAgent: agent,
  getAgent: agent,
  getCall: call,
  getHistory: { address: NOTE, versions: [{ version: 1, id: 'bafy1', title: 'T' }], cursor: null },
  getRecord: { address: NOTE, kind: 'submission', version: 1, value: row },
  getStatus: { role: 'voter', health: { ok: true, conditions: [] } },
  getSubmission: { ...row, content: {} },
  getWhy: { kind: 'peer', id: 'P', verdict: 'here', text: 'beta is here', because: [], next: [] },
  listAgents: { agents: [agent], cursor: 'next' },
  listCalls: { calls: [call], cursor: null },
  listSubmissions: { submissions: [row], cursor: null },
  openCall: { id: 'bafy2', address: 'ucxl://any:human@COOEE:help/#/call/bafy2' },
  submit: { id: 'bafy1', address: NOTE, state: 'committed' },
};

async function run(name: string, args: unknown, ownToken?: string) {
  const { client, called } = fakeClient(answers);
  const context = fakeContext(client, { ownToken: async () => ownToken });
  const answer = await tool(name).call(context, args);
  return { ...answer, called };
}

describe('the table of tools', () => {
  it('has names once, and says of each what it does to the world', () => {
    expect(new Set(TOOLS.map(({ name }) => name)).size).toBe(TOOLS.length);
    for (const { name, title, annotations, description } of TOOLS) {
      expect(name).toMatch(/^cooee_[a-z_]+$/);
      expect([annotations.title, description.length > 40]).toEqual([title, true]);
      expect(annotations.openWorldHint).toBe(name === 'cooee_call_human');
      // Of what only reads the other hints mean nothing.
      const hints = [annotations.destructiveHint, annotations.idempotentHint];
      if (annotations.readOnlyHint === true) expect(hints).toEqual([undefined, undefined]);
      else expect(hints).toEqual([false, name !== 'cooee_call_human']);
    }
  });
});

describe('docs/mcp.md', () => {
  it('lists every tool, and which only read', () => {
    const page = readFileSync(resolve(import.meta.dirname, '../../../../../docs/mcp.md'), 'utf8');
    const rows = [...page.matchAll(/^\| `(cooee_\w+)` +\|.*\| (yes|no) +\|$/gm)];
    expect(rows.map(([, name, reads]) => [name, reads])).toEqual(
      TOOLS.map(({ name, annotations }) => [name, annotations.readOnlyHint ? 'yes' : 'no']),
    );
  });
});

describe('tools ask for', () => {
  const cases: [string, unknown, { name: string; input: unknown }[]][] = [
    ['cooee_status', undefined, [{ name: 'getStatus', input: {} }]],
    ['cooee_why', { thing: 'beta' }, [{ name: 'getWhy', input: { query: { thing: 'beta' } } }]],
    [
      'cooee_announce',
      { token: '4001Y', load: 5 },
      [{ name: 'announceAgent', input: { params: { token: '4001Y' }, body: { load: 5 } } }],
    ],
    ['cooee_discover', {}, [{ name: 'listAgents', input: { query: { limit: 25 } } }]],
    ['cooee_resolve', { ref: '#7' }, [{ name: 'getAgent', input: { params: { ref: '#7' } } }]],
    [
      'cooee_submissions',
      { kind: 'dr', limit: 3 },
      [{ name: 'listSubmissions', input: { query: { kind: 'dr', limit: 3 } } }],
    ],
    [
      'cooee_submissions',
      { id: 'bafy1' },
      [{ name: 'getSubmission', input: { params: { id: 'bafy1' } } }],
    ],
    ['cooee_get', { address: NOTE }, [{ name: 'getRecord', input: { query: { address: NOTE } } }]],
    [
      'cooee_history',
      { address: NOTE, walk: 'any' },
      [{ name: 'getHistory', input: { query: { address: NOTE, walk: 'any', limit: 25 } } }],
    ],
    ['cooee_call_status', {}, [{ name: 'listCalls', input: { query: { limit: 25 } } }]],
    [
      'cooee_call_status',
      { id: 'bafy2' },
      [{ name: 'getCall', input: { params: { id: 'bafy2' } } }],
    ],
  ];
  it.each(cases)('%s %j', async (name, args, wanted) => {
    const { called } = await run(name, args);
    expect(called).toEqual(wanted);
  });

  it('cooee_submit_dr: the record with its kind, and a commit unless told otherwise', async () => {
    const { called, structured } = await run('cooee_submit_dr', { address: NOTE, title: 'T' });
    expect(called).toMatchObject([
      {
        name: 'submit',
        input: {
          query: { wait: 'committed', timeoutMs: 10_000 },
          body: { kind: 'dr', address: NOTE, title: 'T', status: 'proposed', options: [] },
        },
      },
    ]);
    expect(structured).toEqual({ answer: answers.submit });
    const hasty = await run('cooee_submit_dr', { address: NOTE, title: 'T', wait: false });
    expect(hasty.called[0]?.input).toMatchObject({ query: {} });
  });

  it('cooee_call_human: a call, its id at once, then the call', async () => {
    const { client, called } = fakeClient(answers);
    const context = fakeContext(client);
    await tool('cooee_call_human').call(context, { question: 'Q', options: ['Yes'] });
    expect(called.map(({ name }) => name)).toEqual(['openCall', 'getCall']);
    expect(called[0]?.input).toMatchObject({ body: { question: 'Q', options: ['Yes'] } });
    expect(called[0]?.input).not.toHaveProperty('body.waitMs');
    expect(context.told[0]).toContain('bafy2');
  });
});

describe('tools', () => {
  it('announce the agent of the ticket, and need to be told without one', async () => {
    const { called } = await run('cooee_announce', { status: 'idle' }, '458RV');
    expect(called[0]?.input).toMatchObject({ params: { token: '458RV' } });
    await expect(run('cooee_announce', { status: 'idle' })).rejects.toMatchObject({
      code: 'ERR_API_BODY',
    });
  });

  it.each([
    ['cooee_get', {}, 'address'],
    ['cooee_discover', { color: 'red' }, ''],
    ['cooee_discover', [], ''],
    ['cooee_discover', { limit: 0 }, 'limit'],
    ['cooee_submit_dr', { address: NOTE, title: 'T', kind: 'pr' }, ''],
    ['cooee_submit_dr', { address: NOTE, title: 'T', timeoutMs: 60_000 }, 'timeoutMs'],
    ['cooee_call_human', { question: 'Q', onTimeout: 'default' }, 'default'],
  ])('%s refuses %j before the daemon is asked', async (name, args, path) => {
    const { client, called } = fakeClient(answers);
    const failure = await tool(name)
      .call(fakeContext(client), args)
      .catch((error) => error);
    expect(failure).toBeInstanceOf(CooeeError);
    expect(failure).toMatchObject({ code: 'ERR_API_BODY', details: { path } });
    expect(called).toEqual([]);
  });

  it.each([
    ['cooee_discover', {}, ['agent 458RV on node P']],
    ['cooee_submissions', { id: 'bafy1' }, ['agent 458RV on node P']],
    ['cooee_get', { address: NOTE }, ['agent 458RV on node P']],
    ['cooee_history', { address: NOTE }, ['author of bafy1']],
    ['cooee_call_status', {}, ['node P']],
    ['cooee_status', {}, undefined],
  ])('%s %j names who wrote the answer', async (name, args, authors) => {
    const { structured, text } = await run(name, args);
    expect((structured['untrusted'] as { authors: string[] } | undefined)?.authors).toEqual(
      authors,
    );
    for (const author of authors ?? []) expect(text).toContain(`<untrusted author="${author}">`);
  });

  it('tell what names of members may stand in from what the daemon says to do', async () => {
    const condition = { code: 'partition', severity: 'warn', text: 'Evil (x) follows y.' };
    const conditions = [{ ...condition, remedy: 'Check the network' }];
    const getStatus = { role: 'voter', health: { ok: false, conditions } };
    const { client } = fakeClient({ getStatus });
    const { text, structured } = await tool('cooee_status').call(fakeContext(client), {});
    expect(structured['answer']).toEqual(getStatus);
    expect(structured['untrusted']).toMatchObject({ authors: ['members of the mesh'] });
    const [wrapped, own] = text.split('</untrusted>\n');
    expect(wrapped).toMatch(/^<untrusted author="members of the mesh">\n[^\n]*Evil[^\n]*\n$/);
    expect(own).toContain('Check the network');
    expect(own).not.toContain('Evil');
  });

  it('tell an answer by a human from the one of a policy', async () => {
    const answeredBy = { human: 'Ada', peer: 'Q' };
    for (const [by, author] of [
      [answeredBy, 'human Ada at node Q'],
      [null, 'the policy of the call'],
    ] as const) {
      const settled = { ...call, state: 'answered', answer: 'No', answeredBy: by };
      const { client } = fakeClient({ ...answers, getCall: settled });
      const { text } = await tool('cooee_call_status').call(fakeContext(client), { id: 'bafy2' });
      expect(text).toMatch(new RegExp(`<untrusted author="${author}">\n[^\n]*"No"`));
      expect(text.match(/"No"/g)).toHaveLength(1);
    }
  });

  it('tell a decision from what was handed in', async () => {
    const decision = { as: 'merged', why: 'Sound', by: { peer: 'Q', human: 'Ada' } };
    const decided = { ...row, decision };
    const { client } = fakeClient({
      getSubmission: decided,
      listSubmissions: { submissions: [decided], cursor: null },
      getRecord: { address: NOTE, kind: 'submission', version: 1, value: decided },
    });
    for (const [name, args] of [
      ['cooee_submissions', { id: 'bafy1' }],
      ['cooee_submissions', {}],
      ['cooee_get', { address: NOTE }],
    ] as const) {
      const { text } = await tool(name).call(fakeContext(client), args);
      expect(text).toMatch(/<untrusted author="human Ada at node Q">\n[^\n]*"Sound"/);
      expect(text.match(/"Sound"/g)).toHaveLength(1);
    }
  });

  it('tell in a record and its history, too, who asked and who answered', async () => {
    const asked = { asker: { peer: 'P' }, question: 'Q' };
    const value = { ...asked, answer: { text: 'No', by: { human: 'Ada', peer: 'Q' } } };
    const address = 'ucxl://any:human@COOEE:help/#/call/bafy2';
    const versions = [
      { version: 2, value },
      { version: 1, value: asked },
    ];
    const { client } = fakeClient({
      getRecord: { address, kind: 'call', version: 2, value },
      getHistory: { address, versions, cursor: null },
    });
    for (const name of ['cooee_get', 'cooee_history']) {
      const { text, structured } = await tool(name).call(fakeContext(client), { address });
      expect(structured['untrusted']).toMatchObject({ authors: ['node P', 'human Ada at node Q'] });
      expect(text).toMatch(/<untrusted author="human Ada at node Q">\n[^\n]*"No"/);
      expect(text.match(/"No"/g)).toHaveLength(1);
    }
  });
});
