import { beforeEach, describe, expect, it } from 'vitest';
import { RecordServices } from '../../../../daemon/services/record-services.ts';
import { nodeCrypto } from '../../../../daemon/system/crypto.ts';
import { CooeeError, LIMITS } from '../../../../protocols/interface/index.ts';
import { memberAddress } from '../../../../protocols/ucxl/index.ts';
import { at, PEER, PLACE, RecordWorld } from '../../records/fixture.ts';

// Goal: what the routes answer about records: pages that lose nothing while versions are added,
// contents of submissions, walks within their bounds, and nothing from a state that is not whole.

type Init = ConstructorParameters<typeof RecordServices>[1]['submissions'];
type Content = Awaited<ReturnType<Init['contentOf']>>;

let world: RecordWorld;
let links: Map<string, readonly string[]>;
let isSound: boolean;
let nowMs: number;
let readMs: number;
let services: RecordServices;

beforeEach(() => {
  world = new RecordWorld();
  links = new Map();
  isSound = true;
  nowMs = 0;
  readMs = 0;
  const snapshots = {
    assertSound: () => {
      if (!isSound) throw new CooeeError('ERR_API_STARTING');
    },
  };
  const soundNode = { parts: { state: world.state, snapshots } };
  const submissions = {
    get: async (id: string) => ({ id, title: `view of ${id}` }),
    contentOf: async (id: string) => {
      nowMs += readMs;
      const to = (links.get(id) ?? []).map((address) => ({ rel: 'influenced-by', address }));
      return { links: to } as unknown as Content;
    },
  };
  services = new RecordServices(
    { soundNode } as unknown as ConstructorParameters<typeof RecordServices>[0],
    {
      clock: { monotonicMs: () => nowMs },
      crypto: nodeCrypto,
      submissions: submissions as unknown as Init,
    },
  );
});

const submit = (name: string, ...to: readonly string[]) => {
  links.set(world.submit(name, 10 + links.size), to);
};

const refusalOf = async (task: Promise<unknown>) => {
  const error = await task.catch((thrown: unknown) => thrown);
  return error instanceof CooeeError ? error : undefined;
};

describe('a record', () => {
  it('has when and why it came to be so, and how many versions there are', async () => {
    world.member(3, 'member:join');
    world.member(4, 'member:role', { role: 'admin' });
    const address = memberAddress(PEER);
    expect(await services.get(address.replace('#', '~~'))).toMatchObject({
      ...{ address, kind: 'member', version: 1, versions: 2, index: 3, cause: 'member:join' },
      ...{ time: '1970-01-01T00:00:03.000Z', value: { role: 'member' } },
    });
  });

  it('that is a submission comes with what its own route shows', async () => {
    submit('a');
    submit('a');
    expect(await services.get(`${PLACE}/*~1/a`)).toEqual({
      ...{ address: at('a'), kind: 'submission', version: 1, versions: 2, index: 10 },
      ...{ time: '1970-01-01T00:00:10.000Z', cause: 'submission:commit' },
      value: { id: 'a-1', title: 'view of a-1' },
    });
  });

  it('is not read while another state is put there', async () => {
    submit('a');
    isSound = false;
    expect((await refusalOf(services.get(at('a'))))?.code).toBe('ERR_API_STARTING');
    expect((await refusalOf(services.history({ address: at('a'), limit: 1 })))?.code).toBe(
      'ERR_API_STARTING',
    );
  });
});

describe('a history', () => {
  const versionsOf = async (query: { address: string; limit: number; cursor?: string }) => {
    const { versions, cursor } = await services.history(query);
    return { numbers: versions.map(({ version }) => version), cursor };
  };

  it('is paged by its versions, also when there are new ones in between', async () => {
    for (let n = 0; n < 5; n++) submit('a');
    const address = at('a');
    expect(await versionsOf({ address, limit: 2 })).toEqual({ numbers: [5, 4], cursor: '3' });
    submit('a');
    const rest = { numbers: [3, 2, 1], cursor: null };
    expect(await versionsOf({ address, limit: 9, cursor: '3' })).toEqual(rest);
    expect(await versionsOf({ address, limit: 5, cursor: '3' })).toEqual(rest);
  });

  it('begins at the version that the address names', async () => {
    for (let n = 0; n < 5; n++) submit('a');
    const address = `${PLACE}/~~3/a`;
    expect(await versionsOf({ address, limit: 9 })).toEqual({ numbers: [2, 1], cursor: null });
    // A cursor of another list does not lead above it.
    expect((await versionsOf({ address, limit: 9, cursor: '4' })).numbers).toEqual([2, 1]);
  });

  it.each(['0', '-1', '01', 'x', '1.5', '1234567890123'])(
    'refuses the cursor %s',
    async (cursor) => {
      submit('a');
      const error = await refusalOf(services.history({ address: at('a'), limit: 1, cursor }));
      expect(error).toMatchObject({ code: 'ERR_API_QUERY', details: { path: 'cursor' } });
    },
  );

  it('ends a page before its values are too many bytes', async () => {
    const name = 'n'.repeat(1024 * 1024);
    for (let n = 0; n < 8; n++) world.member(n + 3, 'member:role', { name });
    const address = memberAddress(PEER);
    const first = await versionsOf({ address, limit: 100 });
    expect(first).toEqual({ numbers: [8, 7, 6, 5], cursor: '4' });
    expect(await versionsOf({ address, limit: 100, cursor: '4' })).toEqual({
      ...{ numbers: [4, 3, 2, 1], cursor: null },
    });
  });
});

describe('a walk', () => {
  it('shows records and links, with the relations that were asked for', async () => {
    submit('b');
    submit('a', at('b'), at('none'));
    const query = { address: at('a'), limit: 10 };
    const found = await services.history({ ...query, walk: 'supersedes,influenced-by' });
    expect(found).toMatchObject({
      address: at('a'),
      versions: [
        { address: at('a'), version: 1, depth: 0, id: 'a-1', title: 'Title a-1' },
        { address: at('b'), version: 1, depth: 1, id: 'b-1' },
      ],
      links: [{ to: { address: at('b'), version: 1 } }, { problem: 'ERR_API_NOT_FOUND' }],
      cursor: null,
    });
    expect(found).not.toHaveProperty('cut');
    expect((await services.history({ ...query, walk: ['any'] })).versions).toHaveLength(2);
    expect((await services.history({ ...query, walk: 'supersedes' })).versions).toHaveLength(1);
  });

  it.each([['influence'], [''], ['influenced-by,'], [['any', 'x']]])('refuses %j', async (walk) => {
    submit('a');
    const error = await refusalOf(services.history({ address: at('a'), limit: 1, walk }));
    expect(error).toMatchObject({ code: 'ERR_API_QUERY', details: { path: 'walk' } });
  });

  it('has no pages', async () => {
    submit('a');
    const query = { address: at('a'), limit: 1, walk: 'any', cursor: '1' };
    expect((await refusalOf(services.history(query)))?.code).toBe('ERR_API_QUERY');
  });

  it('is cut before its values are too many bytes', async () => {
    const name = 'n'.repeat(1024 * 1024);
    for (let n = 0; n < 8; n++) world.member(n + 3, 'member:role', { name });
    const versions = Array.from({ length: 8 }, (_, n) =>
      memberAddress(PEER).replace('#', `*~${n + 1}`),
    );
    submit('a', ...versions);
    const found = await services.history({ address: at('a'), limit: 100, walk: 'any' });
    expect([found.versions.length, found.links?.length, found.cut]).toEqual([5, 8, 'count']);
  });

  it('is cut at its limit, and at the depth that holds for all', async () => {
    const steps = LIMITS.walkDepthMax + 5;
    submit('a0');
    for (let n = 1; n <= steps; n++) submit(`a${n}`, at(`a${n - 1}`));
    const query = { address: at(`a${steps}`), walk: 'any' };
    const few = await services.history({ ...query, limit: 3 });
    expect([few.versions.length, few.cut]).toEqual([3, 'count']);
    const deep = await services.history({ ...query, limit: 1000 });
    expect([deep.versions.length, deep.cut]).toEqual([LIMITS.walkDepthMax + 1, 'depth']);
  });

  it('gives up on contents that take too long, and says of whose', async () => {
    readMs = 6_000;
    submit('a0');
    for (let n = 1; n < 5; n++) submit(`a${n}`, at(`a${n - 1}`));
    const { versions } = await services.history({ address: at('a4'), limit: 9, walk: 'any' });
    const problems = versions.map(({ id, problem }) => [id, problem]);
    expect(problems).toEqual([
      ['a4-1', undefined],
      ['a3-1', undefined],
      ['a2-1', 'ERR_API_TIMEOUT'],
    ]);
  });

  it('leaves room for others while it reads', async () => {
    for (let n = 0; n < 40; n++) submit(`b${n}`);
    submit('a', ...Array.from({ length: 40 }, (_, n) => at(`b${n}`)));
    let hadTurn = false;
    setImmediate(() => {
      hadTurn = true;
    });
    // The contents are there at once: without a pause the walk would be one long turn.
    const { versions } = await services.history({ address: at('a'), limit: 100, walk: 'any' });
    expect(versions).toHaveLength(41);
    expect(hadTurn).toBe(true);
  });
});
