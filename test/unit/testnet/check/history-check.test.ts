import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkHistory, formatResult } from '../../../testnet/check/index.ts';
import type { Operation } from '../../../testnet/history/index.ts';
import { callHistory, op } from '../histories.ts';

// Goal: each rule of the check finds the smallest history that breaks it, and says what is wrong.

const CHECK = resolve(import.meta.dirname, '../../../testnet/check.ts');

const folder = mkdtempSync(join(tmpdir(), 'cooee-check-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ofKey = (key: string, operation: Operation): Operation => ({ ...operation, key });

const open = (key: string, at: number, index: number): Operation =>
  ofKey(key, op('call.open', [at, at + 1], { input: { question: `t ${key}` }, output: { index } }));

const final = (node: string, list: string, rows: readonly object[], isLast = true): Operation =>
  ofKey(node, op('final', [900, 900], { input: { list }, output: { rows, isLast } }));

const finals = (node: string, lists: Readonly<Record<string, readonly object[]>>): Operation[] =>
  ['submissions', 'calls', 'agents'].map((list) => final(node, list, lists[list] ?? []));

const submitted = (at: number, index: number): Operation =>
  ofKey('ucxl://a', op('submit', [at, at + 1], { output: { id: 's', value: index } }));

const row = { id: 's', address: 'ucxl://a', index: 5 };

const problemsOf = (...operations: Operation[]): readonly string[] =>
  checkHistory(operations, { final: false }).problems;

describe('the check', () => {
  it('wants what was accepted, once, on every node, as it was told', () => {
    const good = finals('a', { submissions: [row] });
    const accepted = ofKey(
      'ucxl://a',
      op('submit', [1], { output: { id: 's', state: 'accepted' } }),
    );
    for (const told of [submitted(1, 5), accepted]) {
      expect(problemsOf(told, ...good, ...finals('b', { submissions: [row] }))).toEqual([]);
      expect(problemsOf(told, ...good, ...finals('b', {}))).toEqual([
        'b: lost: submissions s was accepted and is not there',
        expect.stringContaining('submissions s: a has {'),
      ]);
      const again = { ...row, id: 's2' };
      const twice = finals('a', { submissions: [row, again] });
      expect(problemsOf(told, ...twice)).toEqual(['a: twice: submissions address ucxl://a']);
    }
    expect(problemsOf(submitted(1, 6), ...good)).toEqual([
      'a: submissions s: index is 5, and was told as 6',
    ]);
    // What was not answered at all need not be there.
    const unknown = ofKey('ucxl://a', op('submit', [1], { output: { code: 'ERR_API_TIMEOUT' } }));
    expect(problemsOf(unknown, ...finals('a', {}))).toEqual([]);
  });

  it('wants whole readings of the end', () => {
    const [first, ...others] = finals('a', {});
    expect(problemsOf(...others)).toEqual(['a: its last reading is not whole']);
    const cut = final('a', 'submissions', [], false);
    expect(problemsOf(cut, ...others)).toEqual(['a: its last reading is not whole']);
    expect(problemsOf(cut, first!, ...others)).toEqual([]);
    expect(checkHistory([]).problems).toEqual(['there are no readings of the end']);
  });

  it('wants the order of time in the log, over all objects', () => {
    expect(problemsOf(open('x', 1, 5), open('y', 3, 6))).toEqual([]);
    expect(problemsOf(open('x', 1, 5), open('y', 2, 4))).toEqual([]);
    expect(problemsOf(open('x', 1, 5), open('y', 3, 5))[0]).toMatch(/order of time/);
    expect(problemsOf(open('x', 1, 9), submitted(3, 5))[0]).toMatch(/order of time/);
    // Handed in again, it tells of its first time.
    expect(problemsOf(submitted(1, 5), open('x', 3, 6), submitted(5, 5))).toEqual([]);
  });

  it('wants one winner, whoever tells of it', () => {
    const claim = (by: string, at: number): Operation =>
      ofKey('x', op('call.claim', [at, at + 9], { input: { by }, output: { fence: 1 } }));
    const plain = (by: string): Operation => {
      const output = { state: 'claimed', fence: 1, by, text: null };
      return ofKey('x', op('call.read.plain', [30, 31], { input: { run: 'a/0' }, output }));
    };
    const opened = open('x', 0, 1);
    expect(problemsOf(opened, claim('ada', 2), plain('ada'))).toEqual([]);
    expect(problemsOf(opened, claim('ada', 2), plain('bob'))).toEqual([
      'x claim 1: told differently: ada | bob',
    ]);
    const both = problemsOf(opened, claim('ada', 2), claim('bob', 3));
    expect(both).toHaveLength(3);
    expect(both[0]).toMatch(/^call x: not linearizable[\s\S]*This fits nowhere:[\s\S]*"bob"/);
    expect(both[1]).toMatch(/^x claim 1: more than one won/);
  });

  it('lets plain reads be old, but never go back on one run of a daemon', () => {
    const plain = (at: number, state: string, run: string): Operation => {
      const output = { state, fence: 0, by: null, text: null };
      return ofKey('x', op('call.read.plain', [at, at + 1], { input: { run }, output }));
    };
    const opened = open('x', 0, 1);
    const old = plain(10, 'absent', 'a/0');
    expect(problemsOf(opened, old, plain(20, 'open', 'a/0'))).toEqual([]);
    expect(problemsOf(opened, plain(5, 'open', 'b/0'), old)).toEqual([]);
    expect(problemsOf(opened, plain(5, 'open', 'a/1'), old)).toEqual([]);
    expect(problemsOf(opened, plain(5, 'open', 'a/0'), old)).toEqual([
      expect.stringContaining('x on a/0: a plain read went back'),
    ]);
    expect(problemsOf(opened, plain(9, 'open', 'a/0'), plain(10, 'absent', 'a/0'))).toEqual([]);
  });

  it('says when it could not decide, and that is not well', () => {
    const output = { state: 'open', fence: 0, by: null, text: null };
    const reads = Array.from({ length: 2_000 }, () =>
      ofKey('x', op('call.read', [2, 9], { output })),
    );
    const operations = [open('x', 0, 1), ...reads];
    const result = checkHistory(operations, { final: false, maxMs: 0 });
    expect(result).toMatchObject({ ok: false, problems: [] });
    expect(result.undecided).toEqual([expect.stringMatching(/^call x: out of time/)]);
    expect(formatResult(result)).toMatch(/UNDECIDED call x: out of time[\s\S]*NOT OK\n$/);
  });

  it('is done with ten thousand operations on five hundred objects within seconds', () => {
    const operations = Array.from({ length: 500 }, (_, i) =>
      callHistory({ seed: i + 1, count: 20, reach: 5, lost: 0.1 }).map((it) => ofKey(`c${i}`, it)),
    ).flat();
    // These tell no index, but for the openings, which all have the same one.
    const withoutIndex = operations.map((it) =>
      it.op === 'call.open' ? { ...it, output: {} } : it,
    );
    const startMs = performance.now();
    const result = checkHistory(withoutIndex, { final: false });
    expect(performance.now() - startMs).toBeLessThan(5_000);
    expect(result).toMatchObject({ ok: true, problems: [] });
    expect(result.counts['objects']).toBe(500);
  });
});

describe('the command', () => {
  const runWith = (...args: readonly string[]): Promise<{ code: unknown; text: string }> =>
    new Promise((done) => {
      execFile(process.execPath, [CHECK, ...args], (error, stdout, stderr) => {
        done({ code: error === null ? 0 : error.code, text: stdout + stderr });
      });
    });

  it('tells by its exit whether a stored history is well', async () => {
    const path = join(folder, 'history.jsonl');
    const lines = (...operations: readonly Operation[]): string =>
      operations.map((it) => `${JSON.stringify(it)}\n`).join('');
    const opened = open('x', 0, 1);
    writeFileSync(path, lines(opened));
    const good = await runWith(path, '--no-final');
    expect(good).toEqual({ code: 0, text: expect.stringContaining('1  call.open') });
    expect(await runWith(path)).toMatchObject({ code: 1 });
    writeFileSync(path, lines(opened, open('x', 3, 2)));
    const bad = await runWith(path, '--no-final', '--json');
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.text)).toMatchObject({ ok: false, undecided: [] });
    writeFileSync(path, 'x\n');
    expect(await runWith(path)).toMatchObject({ code: 2 });
    expect((await runWith()).text).toContain('usage:');
  });
});
