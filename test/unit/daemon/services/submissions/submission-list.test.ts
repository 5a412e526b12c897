import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SubmissionRow } from '../../../../../daemon/api/routes/index.ts';
import type { SubmissionsQuery } from '../../../../../daemon/api/services.ts';
import { listSubmissions } from '../../../../../daemon/services/submissions/submission-list.ts';
import { submittedKey, versionKey } from '../../../../../protocols/interface/index.ts';
import { MeshState } from '../../../../../protocols/slurp/index.ts';

// Goal: whoever follows the cursors sees everything once, the newest first, whatever the filters
// and the size of a page, and also while what waits is being committed.

const AUTHORS = ['peer-a', 'peer-b'];
const addressOf = (n: number): string => `ucxl://any@p:t/#/${n % 3}`;
const idOf = (n: number): string =>
  `id${String.fromCharCode(97 + (n >> 8), 97 + ((n >> 4) & 15), 97 + (n & 15))}`;
const authorOf = (n: number) => ({ peer: AUTHORS[n % 2] ?? '' });
const named = (n: number) =>
  ({ kind: 'dr', address: addressOf(n), title: `No ${n}`, author: authorOf(n) }) as const;

/** A register in which so many are committed, and a queue of those that wait. */
class Register {
  readonly state = new MeshState();
  refused: SubmissionRow[] = [];
  readonly #waiting: number[] = [];
  #count = 0;
  #next = 1;

  commit(count: number): void {
    for (let i = 0; i < count; i++) this.#commit(this.#waiting.shift() ?? this.#next++);
  }

  /** Commits the newest of those that wait: the others wait for their blocks. */
  overtake(): void {
    const newest = this.#waiting.pop();
    if (newest !== undefined) this.#commit(newest);
  }

  wait(count: number): void {
    for (let i = 0; i < count; i++) this.#waiting.push(this.#next++);
  }

  page(query: Partial<SubmissionsQuery> = {}) {
    const waiting = (): SubmissionRow[] =>
      this.#waiting.toReversed().map((n) => {
        const acceptedAt = new Date(n).toISOString();
        return { id: idOf(n), ...named(n), state: 'accepted', acceptedAt };
      });
    const refused = (): SubmissionRow[] => this.refused;
    return listSubmissions({ state: this.state, waiting, refused }, { limit: 100, ...query });
  }

  /** Ids of all pages; `between` runs before each page but the first. */
  all(query: Partial<SubmissionsQuery>, between: () => void = () => undefined): string[] {
    const ids: string[] = [];
    let { submissions, cursor } = this.page(query);
    for (;;) {
      ids.push(...submissions.map(({ id }) => id));
      if (cursor === null) return ids;
      between();
      ({ submissions, cursor } = this.page({ ...query, cursor }));
    }
  }

  #commit(n: number): void {
    this.#count++;
    const { state } = this;
    const before = state.get('addressed', addressOf(n));
    const version = (before?.versions ?? 0) + 1;
    const record = { ...named(n), index: n, timeMs: n, acceptedMs: n, version };
    state.merge([
      { table: 'submission', key: idOf(n), value: record },
      { table: 'submitted', key: submittedKey(this.#count), value: idOf(n) },
      { table: 'addressed', key: addressOf(n), value: { versions: version, id: idOf(n) } },
      { table: 'cursor', key: 'submissions', value: this.#count },
    ]);
    if (before === undefined) return;
    const key = versionKey(addressOf(n), before.versions);
    state.merge([{ table: 'version', key, value: before.id }]);
  }
}

const downFrom = (n: number): number[] => Array.from({ length: n }, (_, i) => n - i);

describe('listSubmissions', () => {
  it('is empty in a mesh without any', () => {
    expect(new Register().page()).toEqual({ submissions: [], cursor: null });
  });

  it('has what waits first, then the log backwards', () => {
    const register = new Register();
    register.commit(2);
    register.wait(1);
    const { submissions } = register.page();
    expect(submissions.map(({ id, state, index }) => [id, state, index])).toEqual([
      [idOf(3), 'accepted', undefined],
      [idOf(2), 'committed', 2],
      [idOf(1), 'committed', 1],
    ]);
  });

  it('shows everything that fits once, whatever the page', () => {
    const filter = fc.record(
      {
        address: fc.integer({ min: 0, max: 3 }).map(addressOf),
        author: fc.constantFrom(...AUTHORS, 'nobody'),
        state: fc.constantFrom('accepted' as const, 'committed' as const),
        kind: fc.constant('dr' as const),
      },
      { requiredKeys: [] },
    );
    const counts = [fc.nat(40), fc.nat(20), fc.integer({ min: 1, max: 70 })] as const;
    fc.assert(
      fc.property(...counts, filter, (committed, waiting, limit, query) => {
        const register = new Register();
        register.commit(committed);
        register.wait(waiting);
        const wanted = downFrom(committed + waiting).filter(
          (n) =>
            (query.address === undefined || addressOf(n) === query.address) &&
            (query.author === undefined || authorOf(n).peer === query.author) &&
            (query.state === undefined || (query.state === 'accepted') === n > committed),
        );
        expect(register.all({ ...query, limit })).toEqual(wanted.map(idOf));
      }),
    );
  });

  it('misses nothing that is committed between two pages', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.integer({ min: 1, max: 30 }), fc.nat(5), (old, waiting, by) => {
        const register = new Register();
        register.commit(old);
        register.wait(waiting);
        const seen = register.all({ limit: 4 }, () => register.commit(by));
        for (const n of downFrom(old + waiting)) expect(seen).toContain(idOf(n));
      }),
    );
  });

  it('misses nothing that waits for longer than what came after it', () => {
    for (const state of [undefined, 'accepted'] as const) {
      const register = new Register();
      register.commit(2);
      register.wait(5);
      const { submissions, cursor } = register.page({ limit: 1, state });
      expect(submissions.map(({ id }) => id)).toEqual([idOf(7)]);
      register.overtake();
      const rest = register.page({ cursor: cursor ?? '', state }).submissions;
      const waiting = rest.filter((row) => row.state === 'accepted').map(({ id }) => id);
      expect(waiting).toEqual([6, 5, 4, 3].map(idOf));
    }
  });

  it('goes on among those that were refused when the row of the cursor is one no more', () => {
    const register = new Register();
    const refusedAt = (ms: number): SubmissionRow => ({
      ...{ id: idOf(ms), ...named(ms), state: 'refused' },
      acceptedAt: new Date(9_000 - ms).toISOString(),
      refusal: { code: 'E', message: '', at: new Date(ms).toISOString() },
    });
    register.refused = [4, 3, 2, 1].map(refusedAt);
    const { cursor } = register.page({ limit: 2, state: 'refused' });
    register.refused = [5, 4, 2, 1].map(refusedAt);
    const rest = register.page({ cursor: cursor ?? '', state: 'refused' }).submissions;
    expect(rest.map(({ id }) => id)).toEqual([2, 1].map(idOf));
  });

  it('looks at a bounded number of records a page, and says where to go on', () => {
    const register = new Register();
    register.commit(4_000);
    const { submissions, cursor } = register.page({ author: 'nobody' });
    expect(submissions).toEqual([]);
    expect(cursor).toBe('committed.2000');
    expect(register.all({ author: 'nobody' })).toEqual([]);
  });

  it.each([
    ...['', 'x', 'committed.', 'committed.-1', 'committed.1e9'],
    ...['accepted.', 'accepted.ID.1', 'accepted.aaa', 'accepted.aaa.-1'],
  ])('refuses the cursor "%s"', (cursor) => {
    expect(() => new Register().page({ cursor })).toThrow(
      expect.objectContaining({ code: 'ERR_API_QUERY' }),
    );
  });

  it('ends at once behind a cursor beyond the end', () => {
    const register = new Register();
    register.commit(3);
    expect(register.page({ cursor: 'committed.999999999999' }).submissions).toHaveLength(3);
    expect(register.page({ cursor: 'committed.0' })).toEqual({ submissions: [], cursor: null });
  });
});
