import { beforeEach, describe, expect, it } from 'vitest';
import { RefusalBook } from '../../../../daemon/submissions/refusals.ts';
import { LIMITS } from '../../../../protocols/interface/index.ts';
import { type Command, MeshState } from '../../../../protocols/slurp/index.ts';
import {
  idOfOrder,
  packSubmission,
  submissionInput,
} from '../../../../protocols/submission/index.ts';
import { MemoryStore } from '../../../../storage/memory-store.ts';
import { crypto, founder, ManualClock } from '../../slurp/mesh-world.ts';

// Goal: an author can read why a submission was refused, also after a restart, and the book of
// refusals does not grow without end.

const refused = { code: 'ERR_MEMBERSHIP_FORBIDDEN', message: 'no', index: 7 } as const;
const author = { peer: founder.peer, agent: '458RV' };

function packed(title: string) {
  const dr = { kind: 'dr', address: 'ucxl://any@p:t/#/x', title };
  return packSubmission(crypto.sha256, submissionInput.parse(dr));
}

const idOf = (title: string) => idOfOrder(crypto.sha256, author, packed(title).order);

const command = (title: string): Command => ({
  ...{ id: 'c', kind: 'submission.commit', actor: author, timeMs: 5 },
  body: packed(title).body as Record<string, unknown>,
});

let store: MemoryStore;
let state: MeshState;
let book: RefusalBook;

beforeEach(async () => {
  store = new MemoryStore();
  await store.open();
  state = new MeshState();
  book = new RefusalBook({ store, state, crypto, clock: new ManualClock() });
  await book.open();
});

const note = (title: string) => store.batch(book.writesFor(command(title), refused));

async function rowCount(): Promise<number> {
  let count = 0;
  for await (const _row of store.entries('refusal')) count++;
  return count;
}

describe('RefusalBook', () => {
  it('remembers what was refused and why, over a restart', async () => {
    await note('one');
    await note('two');
    const wanted = {
      ...{ id: idOf('one'), kind: 'dr', address: 'ucxl://any@p:t/#/x', title: 'one', author },
      ...{ acceptedMs: 5, refusedMs: 1_000, ...refused },
    };
    expect(book.get(idOf('one'))).toEqual(wanted);
    const next = new RefusalBook({ store, state, crypto, clock: new ManualClock() });
    await next.open();
    expect(next.get(idOf('one'))).toEqual(wanted);
    expect(next.list().map(({ title }) => title)).toEqual(['two', 'one']);
  });

  it('keeps one row of each, the last one', async () => {
    await note('one');
    await note('two');
    await note('one');
    expect(book.list().map(({ title }) => title)).toEqual(['one', 'two']);
    expect(await rowCount()).toBe(2);
  });

  it('forgets the oldest beyond its limit, on the disk too', async () => {
    const count = LIMITS.submissionRefusalsMax + 5;
    for (let n = 0; n < count; n++) await note(`no ${n}`);
    expect(book.list()).toHaveLength(LIMITS.submissionRefusalsMax);
    expect(book.get(idOf('no 4'))).toBeUndefined();
    expect(book.get(idOf('no 5'))).toBeDefined();
    expect(await rowCount()).toBe(LIMITS.submissionRefusalsMax);
  });

  it('says nothing of what is in the register, or is no submission', () => {
    state.merge([{ table: 'submission', key: idOf('one'), value: { index: 3 } as never }]);
    expect(book.writesFor(command('one'), refused)).toEqual([]);
    const other = { ...command('two'), kind: 'mesh.settings' };
    expect(book.writesFor(other, refused)).toEqual([]);
    expect(book.list()).toEqual([]);
  });
});
