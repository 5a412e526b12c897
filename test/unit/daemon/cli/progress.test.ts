import { describe, expect, it } from 'vitest';
import { withProgress } from '../../../../daemon/cli/progress.ts';

describe('withProgress', () => {
  it('shows and wipes a line on a terminal', async () => {
    const written: string[] = [];
    const output = { isTTY: true, write: (text: string) => written.push(text) };
    expect(await withProgress(output, 'joining', async () => 7)).toBe(7);
    expect(written[0]).toContain('joining (0 s)');
    expect(written.at(-1)).toBe('\r\u001b[2K');
  });

  it('wipes it also when the work fails', async () => {
    const written: string[] = [];
    const output = { isTTY: true, write: (text: string) => written.push(text) };
    const work = () => Promise.reject(new Error('no'));
    await expect(withProgress(output, 'joining', work)).rejects.toThrow('no');
    expect(written.at(-1)).toBe('\r\u001b[2K');
  });

  it('is quiet elsewhere', async () => {
    const written: string[] = [];
    const output = { write: (text: string) => written.push(text) };
    await withProgress(output, 'joining', async () => 7);
    expect(written).toEqual([]);
  });
});
