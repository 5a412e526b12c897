import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HistoryWriter, readHistory, toOperation } from '../../../testnet/history/index.ts';
import { op } from '../histories.ts';

// Goal: what is written is read again, and what is no history is named by its line.

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cooee-history-'));
  path = join(folder, 'history.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a history', () => {
  it('is read as it was written, in as many goes as it took', async () => {
    const operations = Array.from({ length: 500 }, (_, i) =>
      op('read', i % 7 === 0 ? [i] : [i, i + 1], { input: { i }, output: i % 2 ? null : 'x' }),
    );
    for (const part of [operations.slice(0, 200), operations.slice(200)]) {
      const writer = await HistoryWriter.open(path);
      for (const operation of part) writer.append(operation);
      expect(writer.count).toBe(part.length);
      await writer.close();
    }
    expect(await readHistory(path)).toEqual(operations);
  });

  it('is on the disk after a flush, one operation a line, its fields in their order', async () => {
    const writer = await HistoryWriter.open(path);
    writer.append({ ...op('read', [1, 2]), client: 'n1/1' });
    await writer.flush();
    expect(readFileSync(path, 'utf8')).toBe(
      '{"op":"read","key":"k","input":null,"output":null,"ok":true,' +
        '"startNs":"1","endNs":"2","client":"n1/1"}\n',
    );
    writer.record('fault', 'n2', { input: { kind: 'kill' } });
    await writer.close();
    const [, fault] = await readHistory(path);
    expect(fault).toMatchObject({ op: 'fault', key: 'n2', ok: true, input: { kind: 'kill' } });
    expect(fault?.startNs).toBe(fault?.endNs);
  });

  it('takes no more than it can hold', async () => {
    const writer = await HistoryWriter.open(path);
    const large = op('read', [1, 2], { output: 'x'.repeat(20_000_000) });
    writer.append(large);
    writer.append(large);
    expect(() => writer.append(large)).toThrow('as fast as it grows');
    await writer.close();
  });

  it('with a torn line is refused with the number of the line', async () => {
    writeFileSync(path, `${JSON.stringify(op('read', [1, 2]))}\n`);
    appendFileSync(path, '{"op":"rea');
    await expect(readHistory(path)).rejects.toThrow(/history\.jsonl:2: /);
  });
});

describe('an operation', () => {
  const good = op('read', [1, 2]);
  const broken: [string, object, RegExp][] = [
    ['without a name', { op: '' }, /^op: /],
    ['with a field that nobody knows', { color: 'red' }, /color/],
    ['with a time that is a number', { startNs: 1 }, /^startNs: /],
    ['that ended before it began', { startNs: '3' }, /before startNs/],
    ['unknown, with an end', { ok: null }, /null exactly when ok is null/],
    ['done, without an end', { endNs: null }, /null exactly when ok is null/],
  ];
  for (const [what, change, message] of broken) {
    it(`${what} is none`, () => {
      expect(() => toOperation({ ...good, ...change })).toThrow(message);
    });
  }
});
