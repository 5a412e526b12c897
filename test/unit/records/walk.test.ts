import { beforeEach, describe, expect, it } from 'vitest';
import { CooeeError } from '../../../protocols/interface/index.ts';
import {
  type RecordLink,
  resolveRecord,
  type WalkInit,
  walkLinks,
} from '../../../protocols/records/index.ts';
import { at, PEER, PLACE, RecordWorld } from './fixture.ts';

// Goal: a walk finds all that a record follows from, each once and nearest first, ends whatever the
// links are, and says what it did not see.

const MEMBER = `ucxl://any:admin@COOEE:mesh/#/member/${PEER}`;

let world: RecordWorld;
let links: Map<string, readonly RecordLink[]>;
beforeEach(() => {
  world = new RecordWorld();
  links = new Map();
});

const by = (address: string, rel = 'influenced-by'): RecordLink => ({ rel, address });

function submit(name: string, ...to: readonly RecordLink[]): void {
  links.set(world.submit(name, 10 + links.size), to);
}

async function walk(address: string, init: Partial<WalkInit> = {}) {
  const start = resolveRecord(world.source, address);
  return await walkLinks(world.source, start, {
    follows: (rel) => rel === 'influenced-by',
    ...{ depthMax: 8, recordsMax: 100, linksMax: 100 },
    linksOf: async (id) => links.get(id) ?? [],
    ...init,
  });
}

const namesOf = ({ records }: Awaited<ReturnType<typeof walk>>) =>
  records.map(({ id, depth }) => `${depth} ${id}`);

describe('walkLinks', () => {
  it('goes breadth first, and to each record once', async () => {
    submit('d');
    submit('c', by(at('d')));
    submit('b', by(at('d')));
    submit('a', by(at('b')), by(at('c')), by(at('b')));
    const found = await walk(at('a'));
    expect(namesOf(found)).toEqual(['0 a-1', '1 b-1', '1 c-1', '2 d-1']);
    expect(found.links.map(({ from, to }) => `${from.address} ${to?.address}`)).toEqual([
      `${at('a')} ${at('b')}`,
      `${at('a')} ${at('c')}`,
      `${at('a')} ${at('b')}`,
      `${at('b')} ${at('d')}`,
      `${at('c')} ${at('d')}`,
    ]);
    expect(found.cut).toBeUndefined();
  });

  it('follows the relations that were asked for, and no others', async () => {
    submit('b');
    submit('c');
    submit('a', by(at('b'), 'supersedes'), by(at('c')));
    expect(namesOf(await walk(at('a')))).toEqual(['0 a-1', '1 c-1']);
    const all = await walk(at('a'), { follows: () => true });
    expect(namesOf(all)).toEqual(['0 a-1', '1 b-1', '1 c-1']);
  });

  it('ends in a circle, also in one of a record with itself', async () => {
    submit('a', by(at('b')), by(`${PLACE}/*~1/a`));
    submit('b', by(at('a')));
    const found = await walk(at('a'));
    expect(namesOf(found)).toEqual(['0 a-1', '1 b-1']);
    expect(found.links).toHaveLength(3);
    expect(found.cut).toBeUndefined();
  });

  it('goes back through the versions at one address', async () => {
    for (let n = 0; n < 4; n++) submit('a', by(at('a')));
    const found = await walk(at('a'));
    expect(namesOf(found)).toEqual(['0 a-4', '1 a-3', '2 a-2', '3 a-1']);
    // The first one had nothing before it.
    expect(found.links.at(-1)).toMatchObject({ problem: 'ERR_RECORDS_VERSION' });
  });

  it('begins at the version that was asked for', async () => {
    submit('b');
    submit('a', by(at('b')));
    submit('a');
    expect(namesOf(await walk(`${PLACE}/~~/a`))).toEqual(['0 a-1', '1 b-1']);
  });

  it('marks what leads nowhere, and goes on', async () => {
    submit('b');
    const nowhere = [at('none'), `${PLACE}/*~7/b`, 'ucxl://agentid:4001Z', 'mangled'];
    submit('a', ...nowhere.map((address) => by(address)), by(at('b')));
    const found = await walk(at('a'));
    expect(namesOf(found)).toEqual(['0 a-1', '1 b-1']);
    expect(found.links.map(({ address, problem }) => [address, problem])).toEqual([
      [at('none'), 'ERR_API_NOT_FOUND'],
      [`${PLACE}/*~7/b`, 'ERR_RECORDS_VERSION'],
      ['ucxl://agentid:4001Z', 'ERR_AGENT_ID_CHECKSUM'],
      ['mangled', 'ERR_UCXL_SYNTAX'],
      [at('b'), undefined],
    ]);
  });

  it('comes to records of other kinds, which lead no further', async () => {
    world.member(3, 'member:join');
    submit('a', by(MEMBER));
    const found = await walk(at('a'));
    expect(found.records[1]).toMatchObject({ address: MEMBER, version: 1, depth: 1 });
    expect(found.records[1]).not.toHaveProperty('id');
  });

  it('says whose content it could not read', async () => {
    submit('b');
    submit('a', by(at('b')));
    const linksOf = async (id: string) => {
      if (id === 'b-1') throw new CooeeError('ERR_API_NOT_FOUND');
      return links.get(id) ?? [];
    };
    const found = await walk(at('a'), { linksOf });
    expect(found.records.map(({ problem }) => problem)).toEqual([undefined, 'ERR_API_NOT_FOUND']);
    const broken = walk(at('a'), { linksOf: () => Promise.reject(new TypeError('x')) });
    await expect(broken).rejects.toThrow(TypeError);
  });
});

describe('the bounds of a walk', () => {
  beforeEach(() => {
    submit('a-0');
    for (let n = 1; n < 20; n++) submit(`a-${n}`, by(at(`a-${n - 1}`)));
  });

  it('are its depth', async () => {
    const found = await walk(at('a-19'), { depthMax: 3 });
    expect(namesOf(found)).toEqual(['0 a-19-1', '1 a-18-1', '2 a-17-1', '3 a-16-1']);
    expect(found.cut).toBe('depth');
    expect((await walk(at('a-3'), { depthMax: 3 })).cut).toBeUndefined();
  });

  it('are its records', async () => {
    const found = await walk(at('a-19'), { recordsMax: 2, depthMax: 99 });
    expect(namesOf(found)).toEqual(['0 a-19-1', '1 a-18-1']);
    expect(found.cut).toBe('count');
  });

  it('are its links', async () => {
    submit('wide', ...Array.from({ length: 50 }, () => by(at('a-0'))));
    const found = await walk(at('wide'), { linksMax: 10 });
    expect(found.links).toHaveLength(10);
    expect(found.cut).toBe('count');
  });
});
