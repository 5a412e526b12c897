import { describe, expect, it } from 'vitest';
import { wrapComments } from '../../tidy/wrap-comments.ts';

const words = (count: number, word = 'word'): string => Array(count).fill(word).join(' ');
const widest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));

describe('wrapComments', () => {
  it('opens a comment of one line', () => {
    const wrapped = wrapComments(`  /** ${words(25)} */\n  a: 1,`);
    expect(wrapped).toBe(`  /**\n   * ${words(19)}\n   * ${words(6)}\n   */\n  a: 1,`);
  });

  it('carries the overflow through the paragraph and stops at its end', () => {
    const text = ['/**', ` * ${words(22)}`, ` * ${words(18)}`, ' *', ' * @returns x', ' */'].join(
      '\n',
    );
    const wrapped = wrapComments(text);
    expect(widest(wrapped)).toBeLessThanOrEqual(100);
    expect(wrapped.endsWith('\n *\n * @returns x\n */')).toBe(true);
    expect(wrapped.match(/word/g)).toHaveLength(40);
    expect(wrapped.split('\n')).toHaveLength(7);
  });

  it('keeps lists hanging and line comments comments', () => {
    expect(wrapComments(` * - ${words(22)}`)).toBe(` * - ${words(19)}\n *   ${words(3)}`);
    expect(wrapComments(`// ${words(22)}`)).toBe(`// ${words(19)}\n// ${words(3)}`);
  });

  it('breaks no code span, link, table, directive or code', () => {
    const span = `// ${words(17)} \`a b c d e f g h i j k\` x`;
    expect(wrapComments(span)).toBe(`// ${words(17)}\n// \`a b c d e f g h i j k\` x`);
    for (const line of [
      ` * | ${words(25)} |`,
      `// biome-ignore ${words(25)}`,
      `f('${words(25)}');`,
    ]) {
      expect(wrapComments(line)).toBe(line);
    }
    expect(wrapComments(`// ${'x'.repeat(150)}`)).toBe(`// ${'x'.repeat(150)}`);
  });

  it('leaves what fits as it is, and its own result', () => {
    const text = `/** ${words(25)} */\n// ${words(40)}\nconst a = 1;\n`;
    const wrapped = wrapComments(text);
    expect(wrapComments(wrapped)).toBe(wrapped);
    expect(wrapComments('/** Short. */\n')).toBe('/** Short. */\n');
  });
});
