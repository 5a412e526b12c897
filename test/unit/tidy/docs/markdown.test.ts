import { describe, expect, it } from 'vitest';
import { anchorsOf, fencesOf, jsonFindings, linkFindings } from '../../../tidy/docs/markdown.ts';

const FENCE = '```';
const page = (text: string) => [{ path: 'docs/a.md', text }];

describe('links', () => {
  const paths = new Set(['docs', 'docs/a.md', 'README.md', 'docs/b c.md']);
  const broken = (text: string): number => linkFindings(page(`# One\n${text}`), paths).length;

  it.each(['[x](gone.md)', '[x](../gone.md)', '[x](#two)', '![x](p.png)', '[x](a.md#two "t")'])(
    'refuses %s',
    (text) => expect(broken(text)).toBe(1),
  );

  it.each([
    '[x](../README.md)',
    '[x](#one) [y](a.md#one)',
    '[x](../docs/)',
    '[x](b%20c.md)',
    '[x](https://example.org/gone.md)',
    'code: `[x](gone.md)`',
    `${FENCE}\n[x](gone.md)\n${FENCE}`,
  ])('allows %s', (text) => expect(broken(text)).toBe(0));

  it('makes anchors as GitHub does', () => {
    const text = '# A `b` (c), d!\n## Same\n## Same\n```sh\n# not one\n```';
    expect([...anchorsOf(text)]).toEqual(['a-b-c-d', 'same', 'same-1']);
  });
});

describe('blocks', () => {
  it('are found with language and line', () => {
    expect(fencesOf(`a\n${FENCE}sh\nx\ny\n${FENCE}\n~~~\nz\n~~~`)).toEqual([
      { language: 'sh', line: 3, text: 'x\ny' },
      { language: '', line: 7, text: 'z' },
    ]);
  });

  it('of JSON parse', () => {
    const broken = (language: string, text: string): number =>
      jsonFindings(page(`${FENCE}${language}\n${text}\n${FENCE}`)).length;
    expect(broken('json', '{"a": 1}')).toBe(0);
    expect(broken('json', '{"a": …}')).toBe(1);
    expect(broken('jsonl', '{"a": 1}\n{"a": 2}')).toBe(0);
    expect(broken('jsonl', '{"a": 1}\n{')).toBe(1);
    expect(broken('ts', '{')).toBe(0);
  });
});
