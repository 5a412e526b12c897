import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnnouncedAgent } from '../../../../protocols/capability/index.ts';
import { AgentRow, AgentRows } from '../../../../protocols/capability/query/agent-rows.ts';
import {
  type AgentQuery,
  findAgents,
  pageJson,
} from '../../../../protocols/capability/query/find.ts';
import type { AgentRecord } from '../../../../protocols/interface/index.ts';

interface Sample {
  readonly number: number;
  readonly slot?: number;
  readonly model?: string;
  readonly host?: string;
  readonly peer?: string;
  readonly capabilities?: readonly string[];
  readonly status?: AnnouncedAgent['status'] | 'never';
  readonly isRetired?: boolean;
  readonly isReachable?: boolean;
}

function makeRow(sample: Sample): AgentRow {
  const { number, slot = 0, model = 'llama3', host = 'alpha', peer = 'p1' } = sample;
  const token = `T${number}-${slot}`;
  const record: AgentRecord = {
    ...{ token, number, gpuSlot: slot, model, hostname: host, mac: 'aabbccddee01', peer },
    ...{ gpuId: String(slot), hash: `h${number}`, tinyHash: `t${number}`, grantedIndex: 1 },
    retiredIndex: sample.isRetired === true ? 5 : null,
  };
  const status = sample.status ?? 'idle';
  const announced: AnnouncedAgent | undefined =
    status === 'never'
      ? undefined
      : {
          ...{ token, model, status, load: 1, maxTasks: 2, tasks: 0 },
          capabilities: [...(sample.capabilities ?? [])],
        };
  const source = { record, announced, isReachable: sample.isReachable ?? true };
  return new AgentRow(source, () => ({ text: '2026-01-01T00:00:00.000Z' }));
}

function makeRows(samples: readonly Sample[]): AgentRows {
  const rows = new AgentRows();
  for (const sample of samples) rows.put(makeRow(sample));
  return rows;
}

const numbers = (rows: AgentRows, query: AgentQuery): number[] =>
  findAgents(rows, query).agents.map(({ number }) => number);

const rows = makeRows([
  { number: 3, capabilities: ['Code_Review'], host: 'gamma', status: 'busy' },
  { number: 1, capabilities: ['code-review', 'rust'], model: 'Llama3-70b'.toLowerCase() },
  { number: 2, capabilities: ['rust embedded'], peer: 'p2', isReachable: false },
  { number: 4, status: 'never', model: 'mistral' },
  { number: 5, capabilities: ['rust'], isRetired: true },
  { number: 1, slot: 2, capabilities: ['translate'] },
]);

describe('findAgents', () => {
  it.each<[string, AgentQuery, number[]]>([
    ['everything but retired, in the order of numbers and slots', {}, [1, 1, 2, 3, 4]],
    ['an exact capability', { capability: 'rust' }, [1]],
    ['with -, _, space and case equal', { capability: 'CODE review' }, [1, 3]],
    ['a beginning', { capability: 'rust*' }, [1, 2]],
    ['a beginning of several', { capability: '*' }, [1, 1, 2, 3]],
    ['nothing', { capability: 'cod' }, []],
    ['a status', { status: 'busy' }, [3]],
    ['unreachable ones', { status: 'unreachable' }, [2]],
    ['ones that never announced', { status: 'offline' }, [4]],
    ['retired ones when asked for', { status: 'retired' }, [5]],
    ['retired ones that can do something', { status: 'retired', capability: 'rust' }, [5]],
    ['the beginning of a model', { model: 'LLAMA' }, [1, 1, 2, 3]],
    ['a node', { peer: 'p2' }, [2]],
    ['a word', { q: 'Gamma' }, [3]],
    ['two words', { q: 'review gamma' }, [3]],
    ['a word of a capability, folded', { q: 'code-review' }, [1, 3]],
    ['all conditions together', { capability: 'rust*', model: 'llama3-7', q: 'alpha' }, [1]],
    ['no cut', { capability: 'rust', status: 'busy' }, []],
  ])('finds %s', (_name, query, expected) => {
    expect(numbers(rows, query)).toEqual(expected);
  });

  it('shows what was announced, and nulls for what was not', () => {
    const [silent] = findAgents(rows, { status: 'offline' }).agents;
    expect(silent).toMatchObject({ capabilities: [], load: null, lastSeen: null, tasks: null });
    const [away] = findAgents(rows, { status: 'unreachable' }).agents;
    expect(away).toMatchObject({
      token: 'T2-0',
      address: 'ucxl://agentid:T2-0',
      capabilities: ['rust embedded'],
      lastSeen: '2026-01-01T00:00:00.000Z',
    });
  });

  it('pages without loss or repetition while agents come and go', () => {
    const many = makeRows(Array.from({ length: 95 }, (_, number) => ({ number })));
    const seen: number[] = [];
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const page = findAgents(many, { limit: 20, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.agents.map(({ number }) => number));
      cursor = page.cursor;
      many.put(makeRow({ number: 1 + seen.length, slot: 1 }));
      many.put(makeRow({ number: 0, isRetired: true }));
    }
    const first = seen.filter((number, at) => seen.indexOf(number) === at);
    expect(first).toEqual(Array.from({ length: 95 }, (_, number) => number));
    expect(findAgents(many, { limit: 95 + 20 }).cursor).toBeNull();
  });

  it('takes no cursor that is not its own', () => {
    for (const cursor of ['', '!', 'zzzzzzzzzzzzzzzz', '-1']) {
      expect(() => findAgents(rows, { cursor })).toThrow(
        expect.objectContaining({ code: 'ERR_API_QUERY' }),
      );
    }
  });

  it('gives the same as looking at each agent', () => {
    const sample = fc.record({
      number: fc.nat(30),
      slot: fc.nat(3),
      model: fc.constantFrom('llama3', 'llama3-70b', 'mistral'),
      peer: fc.constantFrom('p1', 'p2'),
      capabilities: fc.subarray(['rust', 'Rust-embedded', 'code review', 'ru']),
      status: fc.constantFrom('idle' as const, 'busy' as const, 'never' as const),
      isRetired: fc.boolean(),
      isReachable: fc.boolean(),
    });
    const query = fc.record(
      {
        capability: fc.constantFrom('rust', 'RUST*', 'code_review', 'ru*', 'none'),
        status: fc.constantFrom('idle' as const, 'unreachable' as const, 'retired' as const),
        model: fc.constantFrom('llama3', 'llama3-', 'mis'),
        peer: fc.constantFrom('p1', 'p2'),
        q: fc.constantFrom('alpha', 'rust llama', 'nothing'),
        limit: fc.integer({ min: 1, max: 5 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 40 }), query, (samples, asked) => {
        const index = makeRows(samples);
        const last = new Map(samples.map((each) => [`${each.number}/${each.slot}`, each]));
        const expected = [...last.values()]
          .filter((each) => matches(each, asked))
          .sort((a, b) => a.number - b.number || a.slot - b.slot)
          .map((each) => `T${each.number}-${each.slot}`);
        const found: string[] = [];
        let cursor: string | null | undefined;
        while (cursor !== null) {
          const page = findAgents(index, { ...asked, ...(cursor === undefined ? {} : { cursor }) });
          found.push(...page.agents.map(({ token }) => token));
          cursor = page.cursor;
        }
        expect(found).toEqual(expected);
      }),
    );
  });
});

function matches(sample: Required<Omit<Sample, 'host'>>, query: AgentQuery): boolean {
  const view = makeRow(sample).view();
  if ((view.status === 'retired') !== (query.status === 'retired')) return false;
  if (query.status !== undefined && view.status !== query.status) return false;
  if (query.peer !== undefined && view.peer !== query.peer) return false;
  if (query.model !== undefined && !view.model.startsWith(query.model)) return false;
  const folded = view.capabilities.map((text) => text.toLowerCase().replaceAll(' ', '-'));
  const asked = query.capability?.toLowerCase().replaceAll('_', '-');
  if (asked !== undefined) {
    const isPrefix = asked.endsWith('*');
    const term = isPrefix ? asked.slice(0, -1) : asked;
    if (!folded.some((text) => (isPrefix ? text.startsWith(term) : text === term))) return false;
  }
  const text = [view.token, view.model, view.hostname, ...view.capabilities, ...folded]
    .join(' ')
    .toLowerCase();
  return (query.q ?? '').split(' ').every((word) => text.includes(word));
}

describe('pageJson', () => {
  it('is the JSON of the same page, also after a change', () => {
    const changing = makeRows([{ number: 1, capabilities: ['a"b'] }, { number: 2 }]);
    for (const query of [
      {},
      { limit: 1 },
      { capability: 'none' },
      { status: 'offline' as const },
    ]) {
      expect(JSON.parse(pageJson(changing, query))).toEqual(findAgents(changing, query));
      changing.put(makeRow({ number: 2, status: 'never' }));
    }
  });
});

describe('2,032 agents', () => {
  it('answer a capability with limit 50 in well under a millisecond', () => {
    const many = makeRows(
      Array.from({ length: 2_032 }, (_, n) => ({
        number: n >>> 4,
        slot: n & 15,
        capabilities: [`cap-${n % 10}`, 'common'],
      })),
    );
    const query = { capability: 'cap-3', limit: 50 };
    expect(JSON.parse(pageJson(many, query)).agents).toHaveLength(50);
    // The best of a few: what else runs on the machine is not the query's.
    const tookMs = Array.from({ length: 20 }, () => {
      const startMs = performance.now();
      for (let round = 0; round < 20; round += 1) pageJson(many, query);
      return (performance.now() - startMs) / 20;
    });
    expect(Math.min(...tookMs)).toBeLessThan(1);
  });
});
